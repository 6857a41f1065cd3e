"""The courier's screens between two doors."""
