"""``python -m bayesimpute``: the command line."""

import sys

from bayesimpute.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
