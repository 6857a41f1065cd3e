"""What the screen is made of beside code: fonts, icons and languages, read by `importlib.resources`."""
