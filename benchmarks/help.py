"""How long ``petsynth --help`` takes: the median of nine starts, in seconds.

Aim: under 0.5 s. The modules that would make it slow are named in ``tests/cli/test_main.py``.
"""

import json
import statistics
import subprocess
import sys
import time


def main() -> None:
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "petsynth", "--help"], check=True, capture_output=True
        )
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": round(statistics.median(seconds), 3)}))


if __name__ == "__main__":
    main()
