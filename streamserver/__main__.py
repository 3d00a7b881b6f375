"""`python -m streamserver`."""

import sys

from streamserver.cli import main

sys.exit(main())
