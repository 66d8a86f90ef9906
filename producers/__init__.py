"""Puts pictures onto Kafka: APOD by schedule, people's files by command or page."""
