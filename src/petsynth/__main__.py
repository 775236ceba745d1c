"""Entry point of the command ``petsynth`` and of ``python -m petsynth``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from petsynth.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
