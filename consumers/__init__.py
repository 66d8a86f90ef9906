"""Takes pictures off Kafka, has them doubled tile by tile, and keeps the books."""
