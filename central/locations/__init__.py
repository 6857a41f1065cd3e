"""What check-outs show of a location: how to find it, when it is open, what it offers, its room."""
