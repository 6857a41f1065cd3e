"""Packages that nobody announced: whom they are for, and the directories of houses."""
