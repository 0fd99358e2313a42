"""Planted leakage is found, through real codecs; what has nothing in common is not accused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npvf.audit.fingerprint import Fingerprint, face_hash, same_sound, sound_codes
from npvf.audit.leakage import Leakage, corpus_entries, file_entries, find_leakage
from npvf.clip import SAMPLES_PER_FRAME, Clip
from npvf.io.corpus import Corpus
from npvf.media.decode import iter_frames, read_audio
from npvf.media.encode import write_video
from tests.helpers.talkers import encoded_anew, talker
from tests.helpers.tiny_corpus import write_corpus
from tests.helpers.urls import in_store

CLIPS = os.environ.get("NPVF_CLIPS")


def leakage(folder: Path, clips: list[Clip], parts: dict[str, str] | None = None) -> Leakage:
    return find_leakage(*corpus_entries(Corpus(write_corpus(folder, clips)), parts))


@pytest.mark.slow
def test_nothing_in_common(tmp_path: Path) -> None:
    clips = [
        talker(f"v{i}", split, i, identity=f"p{i}", identities=(f"p{i}",))
        for i, split in enumerate(["train"] * 4 + ["test"] * 4)
    ]
    found = leakage(tmp_path, clips)
    assert not found.leaks and found.parts == {"train": 4, "test": 4}
    assert (found.without_part, found.unnamed, found.unprinted) == (0, 0, 0)


@pytest.mark.slow
def test_a_copy_encoded_anew_is_found(tmp_path: Path) -> None:
    clips = [talker(f"v{i}", "train", i) for i in range(4)] + [talker("w", "test", 9)]
    found = leakage(tmp_path / "corpus", [*clips, encoded_anew(clips[2], "copy", "test", tmp_path)])
    assert [(t.first, t.second, t.parts, t.same) for t in found.twins] == [
        ("v2", "copy", ("train", "test"), ("sound", "face"))
    ]
    assert found.unnamed == 5, "all but the copy"


def test_a_person_in_both_parts_is_found_as_driver_too(tmp_path: Path) -> None:
    clips = [
        talker("a", "train", 0, identity="anna", identities=("anna", "dora")),
        talker("b", "test", 1, identity="bert", identities=("bert", "dora")),
        talker("c", "val", 2, identity="anna", identities=("anna",)),
    ]
    assert leakage(tmp_path, clips).people == {"anna": ["train", "val"], "dora": ["test", "train"]}


def test_files_and_originals_in_both_parts_are_found(tmp_path: Path) -> None:
    clips = [talker("a", "train", 0), talker("b", "test", 1, original="a"), talker("c", "test", 2)]
    clips[2].meta.source_sha256 = clips[0].meta.source_sha256
    assert {t.second: t.same for t in leakage(tmp_path, clips).twins} == {"b": ("original",), "c": ("file",)}


@pytest.mark.slow
def test_the_parts_can_be_said_anew_and_a_video_without_one_is_counted(tmp_path: Path) -> None:
    clips = [talker(f"v{i}", "train", i) for i in range(3)]
    clips[1] = replace(clips[1], audio_N=clips[0].audio_N)
    assert not leakage(tmp_path / "a", clips).twins
    found = leakage(tmp_path / "b", clips, {"v0": "ours", "v1": "theirs"})
    assert [(t.first, t.second, t.same) for t in found.twins] == [("v0", "v1", ("sound",))]
    assert found.without_part == 1


@pytest.mark.slow
def test_silence_is_nobodys_sound() -> None:
    quiet = [Fingerprint(sound_codes(np.zeros(48_000, np.float32)), None) for _ in range(40)]
    assert not list(same_sound(quiet, quiet))
    assert not len(sound_codes(np.zeros(100, np.float32))) and face_hash([]) is None


@pytest.mark.skipif(not CLIPS, reason="set NPVF_CLIPS to a folder with grid/ and wild/")
def test_sentences_of_one_real_speaker_are_told_apart(tmp_path: Path) -> None:
    sources = sorted((Path(str(CLIPS)) / "grid/s1").glob("*.mpg"))[:8]
    for part, chosen in (("train", sources[:5]), ("test", sources[5:])):
        (tmp_path / part).mkdir()
        for source in chosen:
            (tmp_path / part / source.name).symlink_to(source)
    frames, audio_N = list(iter_frames(sources[1]))[15:], read_audio(sources[1])[15 * SAMPLES_PER_FRAME :]
    write_video(tmp_path / "test/copy.mp4", frames, audio=audio_N, crf=33, audio_bitrate=32_000)
    videos = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.glob("*/*"))]
    found = find_leakage(*file_entries(in_store(tmp_path), {video: video.split("/")[0] for video in videos}))
    assert [{Path(t.first).stem, Path(t.second).stem} for t in found.twins] == [{"copy", sources[1].stem}]
