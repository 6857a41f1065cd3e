"""Packages that cannot be fetched now: who is told, what waits, and since when."""
