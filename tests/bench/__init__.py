"""Tests of `scripts/bench`, whose modules lie beside the product."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
sys.path.append(str(SCRIPTS))
