"""The screen of what the access mode can be set to."""
