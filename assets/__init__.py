"""What the screen is made of beside code: fonts, icons, languages; for `importlib.resources`."""
