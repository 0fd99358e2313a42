"""Two detectors that know nothing of npvf: a function and a command. The score of a video is its content.

`crashing` and the command end their process on every tenth file, as a library that is compiled does.
"""

import json
import os
import sys
import time
from pathlib import Path

# Names of files, and what a detector does instead of giving a score.
ODD = {"hangs": lambda: time.sleep(60), "nothing": lambda: None, "words": lambda: "fake", "far": lambda: 3.5}
ODD |= {
    "nan": lambda: float("nan"),
    "no_key": lambda: {"p": 0.5},
    "raises": lambda: 1 // 0,
    "dies": lambda: os._exit(7),
}


def crashing(path: str) -> dict[str, float]:
    """A dict with the score; ends the process if the number in the name ends in 3."""
    print("a line that is not the score")
    if int(Path(path).stem.rpartition("-")[2]) % 10 == 3:
        os._exit(9)
    return {"score": float(Path(path).read_text())}


def odd(path: str) -> object:
    """What the name of the file says; else its score."""
    what = Path(path).stem
    return ODD[what]() if what in ODD else float(Path(path).read_text())


if __name__ == "__main__":
    print("a line that is not the score")
    print(json.dumps(crashing(sys.argv[1])))
