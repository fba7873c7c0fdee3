"""See `python driver.py --help`."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT / "src"))

from fieldline.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main("run", project=PROJECT))
