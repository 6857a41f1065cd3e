"""Screens on which digits are typed."""
