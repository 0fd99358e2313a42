"""The `npvf` program with `fake_ingest` in the place of real videos, for a test that kills it."""

import sys

from npvf.cli.main import main
from tests.helpers import fake_ingest

fake_ingest.install()  # a spawned worker runs this file again, under another name

if __name__ == "__main__":
    sys.exit(main())
