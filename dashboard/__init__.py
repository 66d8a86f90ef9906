"""Shows an operator, live, that every picture was dealt with, how fast and how well."""
