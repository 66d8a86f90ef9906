"""Every question that the dashboard asks the database, with plain values for answers."""
