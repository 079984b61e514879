"""`python -m ccstereo` is the command line."""

import sys

from ccstereo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
