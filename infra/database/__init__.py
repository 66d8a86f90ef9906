"""The database: what it holds (models), how to reach it (engine), how it grows (migrations)."""
