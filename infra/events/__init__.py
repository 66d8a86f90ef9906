"""The event contract: what travels on Kafka, and how it is read and written."""
