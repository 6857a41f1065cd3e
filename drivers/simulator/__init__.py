"""Simulated lock boards that speak the same bytes as real ones, with faults to order.

`bank.py` is the steel: doors, latches, a person who closes them. `lockboard_8a.py` is a board on
bytes, `line.py` the wire between. `virtual.py` joins them to the real bus in virtual time,
`simulation.py` and `__main__.py` put them behind pseudo-terminals as a process of their own.
"""
