"""Kafka as Doublet uses it: the topics, the clients' settings, offsets and lag."""
