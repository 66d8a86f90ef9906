"""What the original project did, kept to be measured beside ours."""
