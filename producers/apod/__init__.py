"""Astronomy Picture of the Day: the service's two forms, behind one protocol."""
