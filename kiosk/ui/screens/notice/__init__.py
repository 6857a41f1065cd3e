"""Screens that tell or ask something in words."""
