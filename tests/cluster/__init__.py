"""A real cluster on this machine, harmed under load."""
