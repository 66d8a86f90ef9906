"""The HTTP door: pictures handed in, followed and fetched without a Kafka client."""
