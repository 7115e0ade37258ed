"""`python -m volunteer.cli`."""

import sys

from volunteer.cli import main

if __name__ == "__main__":
    sys.exit(main())
