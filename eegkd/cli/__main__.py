"""`python -m eegkd.cli` is the command as well."""

import sys

from eegkd.cli import main

if __name__ == "__main__":
    sys.exit(main())
