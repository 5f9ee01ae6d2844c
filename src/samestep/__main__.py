"""`python -m samestep` is `samestep`."""

from samestep.cli import main

main()
