"""The screens that ask whom a package is for that nobody announced."""
