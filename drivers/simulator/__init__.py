"""Simulated lock boards that speak the same bytes as real ones, with faults to order.

`bank.py` is the steel: doors, latches, a person who closes them. `board.py` is a board on bytes,
with a file for each family or group of families beside it; `line.py` is the wire between.
`virtual.py` joins them to the real bus in virtual time, `simulation.py` and `__main__.py` put them
behind pseudo-terminals as a process of their own.
"""
