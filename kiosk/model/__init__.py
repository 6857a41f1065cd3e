"""The rules of lockers and packages, pure: no I/O, no clock and no randomness of their own."""
