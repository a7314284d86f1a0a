"""Makes `bench` importable: its scoring and its generators are under test here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))
