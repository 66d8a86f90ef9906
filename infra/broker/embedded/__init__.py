"""A single-node Kafka broker for a machine without Java: a development part, loopback only.

It speaks the real Kafka protocol (kafka-python's own classes encode and decode it) and keeps one
append-only file of record batches per partition. Apache Kafka is the authority: this broker is
right only where `tests/contract/broker` passes on both alike. It has no transactions, no
replication, no access control and no log compaction, and says so to a client that asks.
"""
