"""What the screen is made of beside code: fonts and icons, read by `importlib.resources`."""
