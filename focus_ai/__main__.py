"""`python -m focus_ai` is the command `focus-ai`."""

import sys

from focus_ai.cli import main

if __name__ == "__main__":
    sys.exit(main())
