"""The two local forms of the broker: Apache Kafka itself, and a small one that needs no Java."""
