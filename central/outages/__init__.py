"""Packages that cannot be fetched now: why, and since when."""
