"""The board's side of each family: what it understands, does and answers. One file for each.

A family's file has the name of its file in `drivers/boards` and says in `SIMULATED` which class
plays its boards. Nothing is registered here: `drivers/simulator/families.py` finds the file.
"""
