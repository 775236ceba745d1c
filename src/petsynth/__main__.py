"""Entry point of the command ``petsynth`` and of ``python -m petsynth``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from petsynth.cli.main import run

    # Threads that wait for one another give up their core: where other programs compute beside
    # us, spinning makes training many times slower. Read by OpenMP when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
