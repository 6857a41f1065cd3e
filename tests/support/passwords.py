"""What a password costs at the server, and how little it costs where tests are about other things.

Half of what a test of the operators' pages takes would be Argon2. Servers that are processes of
their own hash as the product does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher

from central import tokens

OF_THE_PRODUCT = tokens.HASHER
NOBODY_OF_THE_PRODUCT = tokens.NOBODY


def cheapen() -> None:
    """From now on this process hashes passwords with next to no work."""
    tokens.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    tokens.NOBODY = tokens.HASHER.hash("nobody's")


@contextmanager
def as_costly_as_the_product() -> Iterator[None]:
    """Meanwhile they cost what they do in the product: for tests of who waits behind whom."""
    cheap = tokens.HASHER, tokens.NOBODY
    tokens.HASHER, tokens.NOBODY = OF_THE_PRODUCT, NOBODY_OF_THE_PRODUCT
    try:
        yield
    finally:
        tokens.HASHER, tokens.NOBODY = cheap
