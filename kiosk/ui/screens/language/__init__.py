"""Another language, chosen from any screen."""
