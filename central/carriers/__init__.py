"""Carriers: whose packages, keys and couriers are whose, in one network of several."""
