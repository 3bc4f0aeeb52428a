"""``python -m viz`` is the command line, for where the command itself is not on the path."""

import sys

from viz.cli import main

sys.exit(main())
