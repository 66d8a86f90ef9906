"""The model server: its contract, the client, and the server for a machine with only Python."""
