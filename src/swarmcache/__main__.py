"""`python -m swarmcache` is the console script."""

import sys

from swarmcache.cli import main

sys.exit(main())
