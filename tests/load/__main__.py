"""`python -m tests.load`."""

from tests.load.load import main

main()
