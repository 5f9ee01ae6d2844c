"""The command line: parse, call, print. Heavy modules are imported by the command that needs them.

Exit status: 0 well; 1 the answer is no; 2 bad usage or bad input; 3 a framework's run failed.
"""

# The commands stand in the help in this order.
from samestep.cli import catalogue, measuring, showing
from samestep.cli.program import app, main

__all__ = ["app", "catalogue", "main", "measuring", "showing"]
