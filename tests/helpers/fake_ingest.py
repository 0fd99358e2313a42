"""Stands in for decoding and face tracking: a video is a text file that says how many clips it gives, or why none."""

import json
import os
import time
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

from npvf.errors import Reason, Refused
from npvf.io.shards import clip_key
from npvf.media.probe import MediaInfo
from npvf.prepare import ray_engine, run as prepare
from npvf.prepare.ingest import Ingested


@contextmanager
def fake_ingest(recording, landmarker, *, video_id, annotation, settings, mask, audio, content_hash, spool):
    path = recording.info.path
    word = path.read_text().split()[0]
    time.sleep(float(os.environ.get("FAKE_INGEST_SECONDS", 0)))
    if not word.isdigit():
        raise Refused(Reason(word), f"{path.name} is so.")
    yield Ingested(25 * int(word), 1, "voice_activity", (fake_sample(video_id, n, path) for n in range(int(word))))


@contextmanager
def fake_recording(path, sound, track):
    yield SimpleNamespace(info=MediaInfo(path, "text", path.stat().st_size, 1.0, "", None, None), changes=[])


def fake_sample(video, number, path):
    return {
        "__key__": clip_key(video, 0, number),
        "face.mp4": path.read_bytes(),
        "audio.flac": b"sound",
        "track.npz": b"track",
        "phones.json": b"[]",
        "meta.json": json.dumps({"span": [number, number + 1]}).encode(),
    }


def install(put=setattr):
    """`put(object, name, value)`: pytest's monkeypatch.setattr, or for good."""
    put(prepare, "ingest", fake_ingest)
    put(prepare, "open_recording", fake_recording)
    put(prepare, "Landmarker", lambda **_: nullcontext())
    put(prepare, "need_face_model", lambda: None)


def fake_pack(prepare_video, source):
    """`npvf.prepare.ray_engine.pack` for a node of a cluster, where nothing is patched yet."""
    install()
    ray_engine.need_face_model = lambda: None
    return ray_engine.pack(prepare_video, source)
