"""Stands for `npvf.serve.work.work` in tests: no detector, and the content of the upload says what happens."""

from __future__ import annotations

import json
import os
import signal
import time

from npvf.io.files import write_json
from npvf.serve.files import BUNDLE, PROGRESS, REPORT, RESULT, UPLOAD, WORDS
from npvf.serve.settings import Load, Upload

MP4 = b"\0\0\0\x18ftypisom"  # the first bytes of an MP4 file, which an upload needs


def quick_work(task: Load | Upload) -> str:
    """Judge at once; or with these words in the upload: crash, fail, memory, sleep, tool."""
    if isinstance(task, Load):
        return "there is no such detector" if task.detector == "missing" else ""
    content = (task.folder / UPLOAD).read_bytes()
    write_json(task.folder / PROGRESS, {"step": "frames", "share": 0.5})  # in one step, for it is read meanwhile
    if b"crash" in content:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"fail" in content:
        raise ValueError("a defect")
    if b"memory" in content:
        raise MemoryError
    if b"tool" in content:
        return "this needs another package"
    if b"sleep" in content:
        time.sleep(30)
    (task.folder / RESULT).write_text(json.dumps({"video": task.name, "verdict": "real", "worker": os.getpid()}))
    (task.folder / REPORT).write_text(f"<!doctype html><title>report</title><script>alert(1)</script>{len(content)}")
    (task.folder / BUNDLE).write_bytes(b"PK")
    words: dict[str, object] = {"headline": "No sign of a forgery", "sentence": "All is well.", "kind": "real"}
    words |= {"code": "", "advice": "", "rests_on": ["The lips fit."], "sure": "Not very.", "not_meant": ["Proof."]}
    words |= {"lines": {"verdict": "real", "length": f"{len(content)} bytes"}}
    (task.folder / WORDS).write_text(json.dumps(words))
    return ""
