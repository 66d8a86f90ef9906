"""What the broker answers, one module per subject, and one function per kind of request."""
