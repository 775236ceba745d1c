"""How long ``petsynth demo`` takes after installation, and how much memory.

Runs the command once in a temporary folder and prints one JSON object as the last line:

- ``seconds``: wall time of the whole command, from start to exit
- ``peak_gib``: largest sum of resident memory over its processes, sampled every 0.2 s
- ``threads``: processors the command could use
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

import psutil


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        demo = psutil.Popen(
            [sys.executable, "-m", "petsynth", "demo", f"{folder}/demo"], stdout=subprocess.DEVNULL
        )
        peak = 0
        while demo.poll() is None:
            peak = max(peak, _resident_bytes(demo))
            time.sleep(0.2)
        seconds = time.monotonic() - start
    if demo.returncode:
        sys.exit(f"petsynth demo failed with status {demo.returncode}")
    figures = {
        "seconds": round(seconds, 1),
        "peak_gib": round(peak / 2**30, 2),
        "threads": os.cpu_count(),
    }
    print(json.dumps(figures))


def _resident_bytes(process: psutil.Process) -> int:
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it has just ended
    return total


if __name__ == "__main__":
    main()
