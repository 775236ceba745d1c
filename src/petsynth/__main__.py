"""Entry point of the command ``petsynth`` and of ``python -m petsynth``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its status."""
    # Threads that wait for one another give up their core: where other programs compute beside
    # us, spinning makes training many times slower. Read by OpenMP when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from petsynth.cli.main import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were imported; later ones end a command in order
        print("petsynth: interrupted; nothing was done", file=sys.stderr)
        status = 128 + signal.SIGINT
    sys.exit(status)


if __name__ == "__main__":
    main()
