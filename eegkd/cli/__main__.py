"""`python -m eegkd.cli` is the command as well."""

import sys

from eegkd.cli import main

sys.exit(main())
