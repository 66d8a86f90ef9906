"""What every room shares: settings, events, Kafka clients, database, blobs, the local stack."""
