"""A load of simulated kiosks against the real server: `python -m tests.load`."""
