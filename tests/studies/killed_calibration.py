"""A calibration run that is killed again and again must lose nothing and end the same.

Replicates of a study (the loss law's) are made twice: undisturbed, and by a run that is killed
(SIGKILL) at random moments and started again. After every kill each replicate that was there must
still be there, made once; in the end all must be bit for bit those of the undisturbed run.

    python tests/studies/killed_calibration.py --kills 20

Writes tests/artefacts/killed_calibration.json.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from densing_bayes.fit import versions
from densing_bayes.sbc.provenance import commit
from densing_bayes.sbc.replicates import finished

SEED = 11
STUDY = Path(__file__).with_name("calibration.py")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--study", default="loss_law", help="of tests/studies/calibration.py")
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        calm, killed = Path(scratch) / "calm", Path(scratch) / "killed"
        longest = _undisturbed(calm, asked)
        wanted = _contents(calm, asked)
        counts = _kill(killed, asked, longest)
        _start(killed, asked).wait()
        same = _contents(killed, asked) == wanted
    record = {
        "what": f"the calibration of {asked.study} killed at random and started again",
        "longest_seconds_to_a_kill": round(longest, 1),
        "command": f"python tests/studies/killed_calibration.py --study {asked.study} "
        f"--replicates {asked.replicates}",
        **commit(),
        "seed": SEED,
        "versions": versions(),
        "replicates": len(wanted),
        "kills": len(counts),
        "replicates_there_at_each_kill": counts,
        "lost_or_made_twice": 0,
        "bit_identical": same,
    }
    (asked.out / "killed_calibration.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))
    if not same:
        sys.exit("the run that was killed ended otherwise than the undisturbed one")


def _start(folder: Path, asked: argparse.Namespace) -> subprocess.Popen:
    command = [sys.executable, str(STUDY), "--only", asked.study, "--kept", str(folder), "--jobs"]
    command += ["2", "--replicates", str(asked.replicates), "--out", str(folder)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _undisturbed(folder: Path, asked: argparse.Namespace) -> float:
    """Run to the end; return a time within which a run starts up and makes a few replicates."""
    started = time.monotonic()
    process = _start(folder, asked)
    while not finished(folder / asked.study) and process.poll() is None:
        time.sleep(0.05)
    first = time.monotonic() - started
    process.wait()
    return first + 2.5 * (time.monotonic() - started - first) / asked.kills


def _kill(folder: Path, asked: argparse.Namespace, longest: float) -> list[int]:
    """Kill the run so often; return how many replicates were there each time."""
    rng = np.random.default_rng(SEED)
    before: dict[str, int] = {}
    counts = []
    for _ in range(asked.kills):
        process = _start(folder, asked)
        time.sleep(rng.uniform(0.2, longest))
        if process.poll() is not None:
            raise SystemExit("finished before it could be killed: ask for more --replicates")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.5)  # its processes notice, and end
        now = {path.name: path.stat().st_mtime_ns for path in finished(folder / asked.study)}
        wrong = [name for name, made in before.items() if now.get(name) != made]
        if wrong:
            raise SystemExit(f"lost or made twice: {wrong}")
        before = now
        counts.append(len(now))
        print(f"killed {len(counts)} times, {len(now)} replicates there", flush=True)
    return counts


def _contents(folder: Path, asked: argparse.Namespace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in finished(folder / asked.study)}


if __name__ == "__main__":
    main()
