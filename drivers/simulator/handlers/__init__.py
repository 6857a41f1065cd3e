"""Simulated boards for pyserial's URLs: `protocol_sim.py` is what `sim://` means."""
