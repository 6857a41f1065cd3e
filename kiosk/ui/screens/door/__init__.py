"""The screen while a door stands open."""
