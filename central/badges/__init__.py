"""Couriers who are on no list: carriers' keys, the badges that they sign, and codes of the day."""
