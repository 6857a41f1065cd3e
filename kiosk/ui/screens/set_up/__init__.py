"""The screens of a new kiosk."""
