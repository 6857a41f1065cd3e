"""Packages that cannot be fetched now: who is notified, what waits, and since when."""
