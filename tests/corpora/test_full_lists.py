"""The full lists of corpora, where they are at hand."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from npvf.corpora import get_reader
from npvf.corpora.fakeavceleb import FORGERIES
from npvf.corpora.record import Listing
from npvf.corpora.splits import Split
from npvf.corpora.splits.protocols import make_split

METADATA = os.environ.get("NPVF_METADATA")
pytestmark = pytest.mark.skipif(not METADATA, reason="set NPVF_METADATA to a folder with FakeAVCeleb/, DFDC/, ...")
FAKEAVCELEB = get_reader("fakeavceleb")


def distributed(fixed: str) -> str:
    """As the corpus is handed out: a trailing comma, the file name's column called path, another prefix."""
    header, *rows = fixed.replace("\r", "").splitlines()
    header = header.replace("filename,path", "path,")
    return "\n".join([header, *(row.replace("FakeAVCeleb_v1.2/", "FakeAVCeleb/") for row in rows)]) + "\n"


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Listing:
    """Of the list that was put right by hand, whose folder holds no videos."""
    (packed,) = (Path(str(METADATA)) / "FakeAVCeleb").glob("*.csv.gz")
    folder = tmp_path_factory.mktemp("FakeAVCeleb")
    (folder / "meta_data.csv").write_bytes(gzip.decompress(packed.read_bytes()))
    return FAKEAVCELEB.read(folder)


@pytest.mark.slow
def test_the_full_list_of_fakeavceleb_in_both_its_forms(listing: Listing, tmp_path: Path) -> None:
    assert len(listing.records) == 21_544
    assert Counter(map(FAKEAVCELEB.class_of, listing.records)) == FAKEAVCELEB.counts
    by_category = Counter(record.annotation.category for record in listing.records)
    assert by_category == {"A": 500, "B": 500, "C": 9_709, "D": 10_857 - 22}
    labels = Counter((r.annotation.label, r.annotation.audio_label, r.annotation.video_label) for r in listing.records)
    assert labels == {(0, 0, 0): 500, (1, 1, 0): 500, (1, 0, 1): 9_709, (1, 1, 1): 10_835}
    assert Counter(r.problem.reason for r in listing.records if r.problem) == {"listed_twice": 22}
    assert len({person for record in listing.records for person in record.annotation.identities}) == 500
    text = (listing.root / "meta_data.csv").read_text(encoding="utf-8")
    (tmp_path / "meta_data.csv").write_text(distributed(text), encoding="utf-8")
    again = FAKEAVCELEB.read(tmp_path).records
    facts = [
        [(r.path, r.annotation, r.unnamed, str(r.problem)) for r in records] for records in (again, listing.records)
    ]
    assert facts[0] == facts[1]


@pytest.fixture(scope="module")
def split(listing: Listing) -> Split:
    return make_split(FAKEAVCELEB, listing.records, "identity-disjoint", seed=0)


@pytest.mark.slow
def test_nobody_of_fakeavceleb_is_in_two_parts(listing: Listing, split: Split) -> None:
    records = {record.path: record for record in listing.records}
    # Straight from the file names and columns: whoever is named anywhere.
    people = {
        part: {person for video in videos for person in records[video].annotation.identities}
        | {word for video in videos for word in video.replace("/", "_").split("_") if word[:2] == "id"}
        for part, videos in split.parts.items()
    }
    assert not people["train"] & people["val"]
    assert not people["train"] & people["test"]
    assert not people["val"] & people["test"]
    assert [len(people[part]) for part in ("train", "val", "test")] == [350, 50, 100]
    used = {video for videos in split.parts.values() for video in videos}
    assert not any(records[video].unnamed for video in used)
    assert len(used) + sum(split.left_out.values()) == 21_544
    # A random division keeps 51.5 % of the 20,239 videos in which everybody is named.
    assert len(used) > 0.6 * 20_239


def test_every_group_is_in_every_part(listing: Listing, split: Split) -> None:
    group_of = {record.annotation.identity: tuple(record.annotation.attributes.values()) for record in listing.records}
    for part, count in (("train", 35), ("val", 5), ("test", 10)):
        assert set(Counter(group_of[person] for person in split.people[part]).values()) == {count}


@pytest.mark.parametrize("kind", FORGERIES.values())
def test_a_forgery_left_out_is_tested_alone(listing: Listing, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npvf.corpora.splits.people._SWEEPS", 1)
    split = make_split(FAKEAVCELEB, listing.records, "leave-one-out", left_out=kind)
    of = {record.path: FAKEAVCELEB.forgery_of(record) for record in listing.records}
    assert {of[video] for video in split.parts["test"]} == {None, kind}
    assert {of[video] for part in ("train", "val") for video in split.parts[part]} == {None, *FORGERIES.values()} - {
        kind
    }
    assert split.shared_people == 0


@pytest.mark.slow
def test_five_balanced_folds(listing: Listing) -> None:
    splits = [make_split(FAKEAVCELEB, listing.records, "five-fold", fold=fold) for fold in (0, 3)]
    for split in splits:
        by_category = Counter(cls[0] for cls, count in split.counts["test"].items() for _ in range(count))
        assert by_category == dict.fromkeys("ABCD", 100)
        assert split.shared_people == 0


def test_the_official_lists_of_dfdc_and_faceforensics(tmp_path: Path) -> None:
    shutil.copy(Path(str(METADATA)) / "DFDC/metadata.json", tmp_path)
    records = get_reader("dfdc").read(tmp_path).records
    labels = Counter(entry["label"] for entry in json.loads((tmp_path / "metadata.json").read_text()).values())
    assert Counter(record.annotation.label for record in records) == {0: labels["REAL"], 1: labels["FAKE"]}
    folder = tmp_path / "ff"
    for name in ("original_sequences/youtube", "manipulated_sequences/Deepfakes"):
        (folder / name / "c23/videos").mkdir(parents=True)
    (folder / "original_sequences/youtube/c23/videos/000.mp4").touch()
    (folder / "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4").touch()
    shutil.copytree(Path(str(METADATA)) / "FaceForensics++", folder / "splits")
    reader = get_reader("faceforensics")
    split = make_split(reader, reader.read(folder).records, "official")
    assert [len(split.parts[part]) for part in ("train", "val", "test")] == [1440, 280, 280]
    assert split.shared_people == 0


def test_the_example_of_lavdf(tmp_path: Path) -> None:
    shutil.copy(Path(str(METADATA)) / "LAV-DF/example.metadata.min.json", tmp_path / "metadata.min.json")
    records = get_reader("lavdf").read(tmp_path).records
    assert [(r.annotation.label, r.annotation.split, r.problem) for r in records] == [(0, "test", None)] * 2
