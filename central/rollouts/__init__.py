"""Releases of the kiosks' program, let out in rings: see README.md."""
