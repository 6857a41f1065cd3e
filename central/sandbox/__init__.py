"""A sandbox for a carrier's programmer: a carrier and a simulated locker of its own, no people."""
