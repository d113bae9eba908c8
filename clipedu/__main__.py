"""`python -m clipedu` is the command `clipedu`."""

import sys

from clipedu.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
