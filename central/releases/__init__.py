"""Releases of the kiosk's program: signed elsewhere, listed and served here."""
