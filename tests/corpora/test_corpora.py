"""Every corpus in miniature: reader -> `prepare`, and what `npvf corpora check` says of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from npvf.cli.main import main
from npvf.corpora import NAMES, get_reader
from npvf.corpora.check import check
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.run import prepare
from tests.helpers.miniatures import MINIATURES, Maker

# What comes out of `prepare`: video -> refusal, or None where it was prepared.
OUTCOMES: dict[str, dict[str, str | None]] = {
    "voxceleb2": {
        "id00012/21Uxsk56VDQ/00001.mp4": None,
        "id00012/2DLq_Kkc1r8/00016.mp4": "no_audio",
        "id00017/21Uxsk56VDQ/00001.mp4": "silent_audio",
    },
    "lrs2": {
        "main/5535415699068794046/00001.mp4": None,
        "main/5535415699068794046/00009.mp4": "not_found",
        "pretrain/5535496873950688380/00005.mp4": "silent_audio",
    },
    "lrs3": {
        "pretrain/0Fi83BHQsMA/00002.mp4": "silent_audio",
        "test/0Fi83BHQsMA/00002.mp4": None,
        "trainval/0Fi83BHQsMA/00002.mp4": "silent_audio",
    },
    "avspeech": {
        "test/0_12345-7_9_12.mp4": "silent_audio",
        "test/short.mp4": "not_listed",
        "train/a-_B3cD4eF5_90.000_93.000.mp4": None,
    },
    "grid": {"s1/bbaf2n.mpg": None, "s2/lwbsza.mpg": "silent_audio", "s2/video/readme.mpg": "not_listed"},
    "dfdc": {
        "dfdc_train_part_0/dfdc_train_part_0/aabb.mp4": "silent_audio",
        "dfdc_train_part_0/dfdc_train_part_0/ccdd.mp4": None,
        "dfdc_train_part_0/dfdc_train_part_0/eeff.mp4": "not_found",
        "dfdc_train_part_0/dfdc_train_part_0/gghh.mp4": "bad_sidecar",
        "validation/xxyy.mp4": "silent_audio",
    },
    "dfdc_preview": {
        "method_A/1061891/1061891_D/1057816_1061891_D_001.mp4": None,
        "original_videos/1061891/1061891_A_002.mp4": "silent_audio",
    },
    "faceforensics": {
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__kitchen_pan__ABCDEFGH.mp4": "no_face",
        "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4": None,
        "manipulated_sequences/Deepfakes/c23/videos/003_000.mp4": "not_found",
        "original_sequences/actors/c23/videos/01__kitchen_pan.mp4": "no_face",
        "original_sequences/youtube/c23/videos/000.mp4": None,
        "original_sequences/youtube/c23/videos/003.mp4": "no_face",
    },
    "celebdf": {
        "Celeb-real/id0_0000.mp4": "no_face",
        "Celeb-real/id61_0009.mp4": "not_found",
        "Celeb-synthesis/id0_id16_0000.mp4": None,
        "YouTube-real/00170.mp4": "no_face",
    },
    "kodf": {"f_1.mp4": None, "f_2.mp4": "bad_sidecar", "r_1.mp4": "silent_audio"},
    "deepfaketimit": {
        "VidTIMIT/fadg0/sa1": None,
        "higher_quality/fadg0/sa1-video-fram1.avi": "silent_audio",
        "lower_quality/fadg0/sa1-video-fram1.avi": None,
    },
    "avdeepfake1m": {
        "test/000001.mp4": "silent_audio",
        "train/id00012/21Uxsk56VDQ/00001/both-modified.mp4": "bad_sidecar",
        "train/id00012/21Uxsk56VDQ/00001/both_modified.mp4": None,
        "train/id00012/21Uxsk56VDQ/00001/real.mp4": "silent_audio",
    },
    "manualfake": {"fake/videos/fake_01.mp4": None, "real/videos/real_01.mp4": "no_face"},
    "folder": {"a/one.mp4": None},
    "csv": {"gone.mp4": "not_found", "one.mp4": None},
}
# What its corpus says of one of them.
SAID = {
    "voxceleb2": {"label": 0, "identity": "id00012", "split": "dev", "attributes": {"gender": "men"}},
    "lrs2": {"split": "test", "transcript": "WHEN YOU'RE COOKING"},
    "lrs3": {"split": "test", "transcript": "SO THIS IS GOOD"},
    "avspeech": {"split": "train", "attributes": {"recording": "a-_B3cD4eF5"}},
    "grid": {"identity": "s1", "transcript": "bin blue at"},
    "dfdc": {"label": 1, "audio_label": 1, "video_label": None, "split": "train"},
    "dfdc_preview": {"identities": ["1061891", "1057816"], "manipulation": "method_A", "audio_label": 0},
    "faceforensics": {
        "identities": ["youtube-000", "youtube-003"],
        "original": "original_sequences/youtube/c23/videos/000.mp4",
        "mask": "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
        "split": "train",
    },
    "celebdf": {"label": 1, "split": "test", "identities": ["id0", "id16"], "original": "Celeb-real/id0_0000.mp4"},
    "kodf": {"manipulation": "dfl", "identities": ["u1", "u2"], "attributes": {"gender": "여"}},
    "deepfaketimit": {"label": 0, "audio_label": 0, "identities": ["fadg0"]},  # a folder of JPEGs
    "avdeepfake1m": {"audio_label": 1, "video_label": 1, "intervals": [[0.3, 0.6]], "identity": "id00012"},
    "manualfake": {"label": 1, "mask": "fake/masks/fake_01.mp4"},
    "folder": {"label": 0},
    "csv": {"label": 1},
}


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


def build(name: str, templates: Path, folder: Path) -> Path:
    MINIATURES[name](Maker(templates, folder))
    return folder / "list.csv" if name == "csv" else folder


def test_every_corpus_has_its_miniature() -> None:
    assert set(MINIATURES) == set(NAMES) == {*OUTCOMES, "fakeavceleb", "lavdf"}  # these two go through training, too


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_corpus_is_read_and_prepared(name: str, templates: Path, tmp_path: Path) -> None:
    src, reader = build(name, templates, tmp_path / "src"), get_reader(name)
    settings = IngestSettings(phones="voice_activity", need_sound=reader.sound and name != "manualfake")
    prepare(src, tmp_path / "out", corpus=name, settings=settings, workers=0)
    corpus = Corpus(tmp_path / "out")
    assert {line["video"]: line["reason"] for line in corpus.manifest} == OUTCOMES[name]
    first = next(line for line in corpus.manifest if line["status"] == "prepared")
    assert {key: first[key] for key in SAID[name]} == SAID[name]
    clip = next(corpus.clips)
    assert (clip.meta.label, clip.meta.identities) == (first["label"], tuple(first["identities"]))
    assert (clip.mask_THW is not None) == (first["mask"] is not None)


@pytest.mark.slow
def test_sound_out_of_another_file_starts_with_the_picture(templates: Path, tmp_path: Path) -> None:
    for name, suffix in (("voxceleb2", ".m4a"), ("deepfaketimit", ".wav")):
        src = build(name, templates, tmp_path / name)
        prepare(src, tmp_path / f"{name}-out", corpus=name, settings=IngestSettings(phones="voice_activity"), workers=0)
        corpus = Corpus(tmp_path / f"{name}-out")
        *_, clip = corpus.clips
        level_T = abs(clip.audio_N).reshape(clip.frames, -1).max(1)
        assert level_T[:4].max() < 0.05 and level_T[6:19].min() > 0.3, "the tone of the file begins at 0.2 s"
        line = [line for line in corpus.manifest if line["status"] == "prepared"][-1]
        assert line["audio"].endswith(suffix)
        before = line["sha256"]
        Path(line["audio"]).write_bytes(Path(line["audio"]).read_bytes() + b"changed")
        with pytest.raises(NpvfError, match="--overwrite"):
            prepare(src, corpus.folder, corpus=name, settings=IngestSettings(phones="voice_activity"), workers=0)
        assert len(before) == 64


@pytest.mark.parametrize("name", NAMES)
def test_a_miniature_is_no_complete_copy(name: str, templates: Path, tmp_path: Path) -> None:
    src, reader = build(name, templates, tmp_path), get_reader(name)
    found = check(reader, reader.read(src))
    names_nothing = name in ("manualfake", "folder")  # all there, and nobody knows how many there are
    assert found.complete is (None if names_nothing else False)
    if reader.counts:
        assert not {cls for cls, _, known in found.rows if known is None}, "every class has a known count"


def test_a_check_names_what_is_missing(templates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src = build("fakeavceleb", templates, tmp_path / "src")
    assert main(["corpora", "check", "fakeavceleb", str(src)]) == 1
    said = capsys.readouterr().out
    assert "2 videos are listed but missing:" in said
    assert "00109_id00001_UHoM_LSjlDo.mp4" in said and "not_listed" in said
    assert said.rstrip().endswith("not complete")
    assert main(["corpora", "check", "folder", str(build("folder", templates, tmp_path / "any"))]) == 0
    assert main(["corpora"]) == 0
    assert "meta_data.csv" in capsys.readouterr().out


def test_a_whole_edition_is_a_whole_copy(tmp_path: Path) -> None:
    for name in ("voxceleb", "fakeavcelb"):
        with pytest.raises(NpvfError, match="did you mean"):
            get_reader(name)
    make = Maker(tmp_path, tmp_path)
    make.json("a/metadata.json", {f"{n}.mp4": {"is_fake": n % 2} for n in range(4)})
    for n in range(4):
        make.text(f"a/{n}.mp4", str(n))
    reader = get_reader("dfdc")
    listing = reader.read(tmp_path)
    assert Counter(map(reader.class_of, listing.records)) == {"unknown split/real": 2, "unknown split/fake": 2}
    assert check(reader, listing).complete is False


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("fakeavceleb", {"meta_data.csv": "<<<<<<< HEAD\nsource,target1\n"}, "git conflict"),
        ("fakeavceleb", {"meta_data.csv": "source,target1,target2,method\n"}, "is not that of FakeAVCeleb"),
        ("fakeavceleb", {"x.csv": ""}, "does not contain FakeAVCeleb"),
        (
            "celebdf",
            {"Celeb-real/id0_0000.mp4": "", "List_of_testing_videos.txt": "0 Celeb-real/id0_0000.mp4\n"},
            "labels are swapped",
        ),
        ("dfdc", {"metadata.json": "[1]"}, "not a list of DFDC"),
        ("lavdf", {"metadata.json": "{}"}, "not a list of LAV-DF"),
        ("lavdf", {"a/metadata.json": "[]", "b/metadata.json": "[]"}, "twice"),
        ("kodf", {"a.csv": "x,y\n1,2\n"}, "영상ID"),
        ("faceforensics", {"original_sequences/x": "", "train.json": '[["a"]]'}, "not a pair"),
        (
            "faceforensics",
            {"original_sequences/x": "", "train.json": '[["001", "002"]]', "val.json": '[["002", "003"]]'},
            "002 is in train already",
        ),
        ("voxceleb2", {"mp4/x": "", "vox2_meta.csv": "a,b,c,d\nid00012,n1,x,dev\n"}, "line 2"),
    ],
)
def test_a_broken_list_is_an_error_that_says_where(name: str, files: dict, message: str, tmp_path: Path) -> None:
    for path, content in files.items():
        Maker(tmp_path, tmp_path).text(path, content)
    with pytest.raises(NpvfError, match=message):
        get_reader(name).read(tmp_path)


def test_rows_that_repeat_each_other_count_once(tmp_path: Path) -> None:
    header = "영상ID,인물성별,UUID,스크립트파일"
    Maker(tmp_path, tmp_path).text("a.csv", f"{header}\nr.mp4,여,u1,s\nr.mp4,여,u1,s\nq.mp4,여,u1,s\nq.mp4,남,u1,s\n")
    listing = get_reader("kodf").read(tmp_path)
    assert listing.repeated == 1
    contradicted, plain = listing.records
    assert plain.problem is None and contradicted.problem is not None
    assert contradicted.problem.reason == "listed_twice" and contradicted.annotation.attributes == {}
    assert contradicted.annotation.identity == "u1", "what both rows say is kept"


@pytest.mark.slow
def test_manifests_of_one_corpus_do_not_mix(templates: Path, tmp_path: Path) -> None:
    src = build("folder", templates, tmp_path / "src")
    settings = IngestSettings(phones="voice_activity")
    prepare(src, tmp_path / "out", corpus="folder", settings=settings, workers=0)
    assert json.loads((tmp_path / "out/dataset.json").read_text())["settings"]["corpus"] == "folder"
    with pytest.raises(NpvfError, match="corpus was 'folder'"):
        prepare(src, tmp_path / "out", settings=settings, workers=0)
