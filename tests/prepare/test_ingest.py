"""From small real videos of a photographed face to clips."""

import json
import weakref
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from skimage import data

from npvf.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from npvf.data.selection import Selection
from npvf.data.transforms import ClipTransform
from npvf.errors import Reason, Refused
from npvf.faces.landmarks import Landmarker
from npvf.faces.tracks import TrackPiece
from npvf.io.annotations import Annotation
from npvf.io.corpus import Corpus
from npvf.media.encode import write_video
from npvf.media.recording import open_recording
from npvf.models import InputSpec
from npvf.prepare.ingest import IngestSettings, ingest, read_clips
from npvf.prepare.run import prepare
from tests.helpers import odd_media
from tests.helpers.astronaut import scene, with_head
from tests.helpers.odd_media import RATE
from tests.helpers.talkers import babble

pytestmark = pytest.mark.slow

VOICE = IngestSettings(phones="voice_activity")


@pytest.fixture(scope="module")
def landmarker():
    with Landmarker() as landmarker:
        yield landmarker


@cache
def portrait():
    return np.ascontiguousarray(data.astronaut()[0:256, 96:352])


def film(path: Path, seconds: float = 1.2, faces: int = 1, sound: bool = True, loud: float = 0.5) -> Path:
    """A still portrait, or two side by side, with bursts of a tone; the first starts 0.4 s into the video."""
    pictures = [portrait(), portrait()[:, ::-1]][:faces]
    picture = np.concatenate(pictures, axis=1) if faces else np.full((256, 256, 3), 90, np.uint8)
    time_N = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    audio_N = loud * np.sin(2 * np.pi * 220 * time_N) * (time_N % 0.8 >= 0.4)
    frames = [picture] * round(seconds * FPS)
    write_video(path, frames, audio=audio_N.astype(np.float32) if sound else None)
    return path


def test_a_video_becomes_a_clip_on_one_clock(landmarker, tmp_path):
    (clip,) = read_clips(film(tmp_path / "a.mp4"), landmarker, settings=VOICE)
    assert clip.face_THWC.shape == (30, 224, 224, 3)
    assert clip.audio_N.shape == (30 * SAMPLES_PER_FRAME,)
    assert clip.landmarks_TN2.shape == clip.source_landmarks_TN2.shape == (30, 478, 2)
    level_T = np.abs(clip.audio_N).reshape(30, -1).max(1)
    assert (level_T[:9] < 0.05).all()
    assert (level_T[11:19] > 0.3).all()
    assert clip.phones.source == "voice_activity"
    assert clip.meta.span == (0.0, 1.2)
    assert (clip.meta.key, clip.meta.video, clip.meta.faces) == ("a~mp4-t0-000", "a.mp4", 1)
    assert (clip.meta.source_fps, clip.meta.source_size, clip.meta.source_codec) == (25.0, (256, 256), "h264")
    assert len(clip.meta.source_sha256) == 64
    assert {"npvf", "ai-edge-litert", "landmarks", "phones", "max_seconds"} <= clip.meta.settings.keys()
    nose = clip.source_landmarks_TN2[:, 1].mean(0)
    assert 90 < nose[0] < 150
    assert 80 < nose[1] < 160


def test_a_long_track_is_cut_into_pieces_without_a_seam(landmarker, tmp_path):
    path = film(tmp_path / "a.mp4", seconds=3.0)
    said = Annotation(label=1, identity="p", intervals=((1.0, 1.5),))
    (whole,) = read_clips(path, landmarker, annotation=said, settings=VOICE)
    settings = IngestSettings(max_seconds=1.2, phones="voice_activity")
    parts = list(read_clips(path, landmarker, video_id="v", annotation=said, settings=settings))
    # The last 0.6 s are less than a segment.
    assert [part.meta.key for part in parts] == ["v-t0-000", "v-t0-001"]
    assert [part.meta.span for part in parts] == [(0.0, 1.2), (1.2, 2.4)]
    np.testing.assert_array_equal(np.concatenate([part.audio_N for part in parts]), whole.audio_N[: 60 * 640])
    assert parts[1].phones == whole.phones.between(1.2, 2.4, -1.2)
    assert [part.meta.intervals for part in parts] == [((1.0, 1.2),), ((0.0, pytest.approx(0.3)),)]
    assert [part.meta.identity for part in parts] == ["p", "p"]


def test_all_faces_are_kept_and_one_is_marked(landmarker, tmp_path):
    clips = list(read_clips(film(tmp_path / "a.mp4", faces=2), landmarker, settings=VOICE))
    assert [clip.meta.track for clip in clips] == [0, 1]
    assert [clip.meta.faces for clip in clips] == [2, 2]
    assert [clip.meta.is_speaker for clip in clips].count(True) == 1
    assert all(-1 <= clip.meta.speaking <= 1 for clip in clips)


def test_sound_that_ends_early_is_followed_by_silence(landmarker, tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, [portrait()] * 30, audio=np.full(SAMPLE_RATE // 2, 0.3, np.float32))
    (clip,) = read_clips(path, landmarker, settings=VOICE)
    assert len(clip.audio_N) == 30 * SAMPLES_PER_FRAME
    assert not clip.audio_N[-8000:].any()


@pytest.mark.parametrize(
    ("reason", "make"),
    [
        (Reason.NOT_FOUND, lambda path: path),
        (Reason.UNDECODABLE, lambda path: path.write_text("no video")),
        (Reason.NO_VIDEO, lambda path: soundfile.write(path, np.ones(32000) * 0.1, 16000, format="WAV")),
        (Reason.NO_AUDIO, lambda path: film(path, sound=False)),
        (Reason.SILENT_AUDIO, lambda path: film(path, loud=0.0005)),
        (Reason.TOO_SHORT, lambda path: film(path, seconds=0.92)),
        (Reason.NO_FACE, lambda path: film(path, faces=0)),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(landmarker, tmp_path, reason, make):
    make(tmp_path / "a.mp4")
    with pytest.raises(Refused) as refusal:
        list(read_clips(tmp_path / "a.mp4", landmarker, settings=VOICE))
    assert refusal.value.reason == reason
    assert "a.mp4" in refusal.value.sentence


@pytest.mark.parametrize(
    ("reason", "loud"), [(Reason.NO_AUDIO, None), (Reason.SILENT_AUDIO, 0.0005)], ids=["no stream", "silence"]
)
def test_pictures_alone_come_as_clips_that_say_so(landmarker, tmp_path, reason, loud):
    path = film(tmp_path / "a.mp4", sound=loud is not None, loud=loud or 0.0)
    (clip,) = read_clips(path, landmarker, settings=IngestSettings(need_sound=False))
    assert clip.frames == 30 and clip.meta.no_sound == reason
    assert (clip.meta.is_speaker, clip.meta.speaking, clip.phones.items) == (False, None, ())
    assert Selection().reason_against(clip.meta) == "no sound"
    with pytest.raises(Refused) as refusal:  # silence is no data: nothing may compare lips with it
        ClipTransform(InputSpec())(clip)
    assert refusal.value.reason == reason


def test_where_there_is_sound_it_makes_no_difference_that_none_is_needed(landmarker, tmp_path):
    path = film(tmp_path / "a.mp4")
    (clip,) = read_clips(path, landmarker, settings=IngestSettings(phones="voice_activity", need_sound=False))
    (same,) = read_clips(path, landmarker, settings=VOICE)
    assert clip.meta.no_sound is None and clip.meta.is_speaker and clip.phones == same.phones
    np.testing.assert_array_equal(clip.audio_N, same.audio_N)


def test_a_corpus_of_pictures_alone_is_prepared_on_demand(tmp_path):
    src = tmp_path / "src"
    src.mkdir()
    film(src / "a.mp4", sound=False)
    film(src / "b.mp4", sound=False, seconds=0.5)
    assert prepare(src, tmp_path / "refused", workers=0).dataset["refused"] == {"no_audio": 2}
    dataset = prepare(src, tmp_path / "taken", settings=IngestSettings(need_sound=False), workers=0).dataset
    assert (dataset["prepared"], dataset["refused"], dataset["phone_sources"]) == (1, {"too_short": 1}, {})
    assert [clip.meta.no_sound for clip in Corpus(tmp_path / "taken").clips] == ["no_audio"]


def test_nothing_stays_in_the_temporary_folder(landmarker, tmp_path):
    path, spool = film(tmp_path / "a.mp4"), tmp_path / "spool"
    spool.mkdir()
    with open_recording(path) as recording, ingest(recording, landmarker, settings=VOICE, spool=spool) as video:
        assert any(spool.iterdir())
        assert len(list(video.samples)) == 1
    assert not any(spool.iterdir())


def room_with_head(path: Path, *places: tuple[float, float, float], width: int = 1280, height: int = 720) -> Path:
    """A still room of 1.2 s with a head at each (x, y, scale), and sound."""
    picture = scene(width, height)
    for x, y, scale in places:
        picture = with_head(picture, x, y, scale)
    time_N = np.arange(round(1.2 * SAMPLE_RATE)) / SAMPLE_RATE
    audio_N = 0.5 * np.sin(2 * np.pi * 220 * time_N) * (time_N % 0.8 >= 0.4)
    write_video(path, [picture] * 30, audio=audio_N.astype(np.float32), crf=12)
    return path


@pytest.mark.parametrize("place", [(300, 200), (700, 480)])
def test_a_face_that_is_too_small_is_said_to_be_so(landmarker, tmp_path, place):
    path = room_with_head(tmp_path / "a.mp4", (*place, 0.5))
    with pytest.raises(Refused, match=r"the largest face is [45]. pixels high; 75 are needed") as refusal:
        list(read_clips(path, landmarker, settings=VOICE))
    assert refusal.value.reason == Reason.FACE_TOO_SMALL


def test_faces_beyond_the_limit_are_counted(tmp_path):
    places = [(240 * n, 20 + 250 * row, 0.8 + 0.1 * row) for n in range(3) for row in range(2)]
    path = room_with_head(tmp_path / "a.mp4", *places, width=740, height=520)
    with Landmarker(max_faces=4) as few, Landmarker() as enough:
        some, all_ = (list(read_clips(path, landmarker, settings=VOICE)) for landmarker in (few, enough))
    assert len(some) == 4 and len(all_) == 6
    assert some[0].meta.media == {"changed": ["faces_left_out: 2 faces beyond the 4 of --max-faces"]}
    assert all_[0].meta.media == {"changed": []}


def test_a_mouth_outside_the_picture_is_not_stored(landmarker, tmp_path):
    picture = portrait()[:118]  # down to the nose
    path = tmp_path / "a.mp4"
    write_video(path, [picture] * 30, audio=babble(0, 30))
    with pytest.raises(Refused) as refusal:
        list(read_clips(path, landmarker, settings=VOICE))
    assert refusal.value.reason in (Reason.BAD_CROPS, Reason.NO_FACE)


def test_what_was_done_to_a_file_stands_in_its_clips_and_in_its_line(landmarker, tmp_path):
    """Anamorphic, and stereo with one channel inverted."""
    narrow = cv2.resize(np.asarray(portrait()), (128, 256), interpolation=cv2.INTER_AREA)
    time_N = np.arange(round(1.2 * RATE)) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 220 * time_N) * (time_N % 0.8 >= 0.4)
    (tmp_path / "src").mkdir()
    path = odd_media.write(
        tmp_path / "src" / "a.mp4", [narrow] * 30, [np.stack([tone, -tone])], layout="stereo", aspect=Fraction(2)
    )
    changed = [
        "square_pixels: 128x256 with pixels of 2:1 was scaled to 256x256",
        "audio_channel: only the left of 2 channels, which speaks more than all together",
    ]
    (clip,) = read_clips(path, landmarker, settings=VOICE)
    assert clip.meta.media["changed"] == changed and clip.meta.source_size == (256, 256)
    (plain,) = read_clips(film(tmp_path / "b.mp4"), landmarker, settings=VOICE)
    np.testing.assert_allclose(clip.source_landmarks_TN2, plain.source_landmarks_TN2, atol=4)
    assert np.abs(clip.face_THWC.astype(float) - plain.face_THWC).mean() < 6
    prepare(tmp_path / "src", tmp_path / "out", settings=VOICE, workers=0)
    (line,) = Corpus(tmp_path / "out").manifest
    assert line["media"]["changed"] == changed


def test_pieces_do_not_pile_up_in_memory(monkeypatch, tmp_path):
    alive: list[int] = []

    def many_pieces(frames, landmarker, collector, max_seconds):
        rng, seen = np.random.default_rng(0), []
        face_HWC = np.tile(np.arange(224, dtype=np.uint8)[:, None, None], (1, 224, 3))
        for start in range(0, len(list(frames)), 24):
            crops = collector()
            for _ in range(24):
                crops.add(face_HWC)
            points_TN2 = rng.uniform(0, 200, (24, 478, 2)).astype(np.float32)
            transform_T23 = np.tile(np.eye(2, 3, dtype=np.float32), (24, 1, 1))
            seen.append(weakref.ref(points_TN2))
            yield TrackPiece(0, start, crops.finish(), points_TN2, points_TN2, transform_T23, np.ones(24))
            del points_TN2
            alive.append(sum(points() is not None for points in seen))

    monkeypatch.setattr("npvf.prepare.pieces.face_tracks", many_pieces)
    path = film(tmp_path / "a.mp4", seconds=9.6)
    with open_recording(path) as recording, ingest(recording, None, settings=VOICE) as video:
        assert len(list(video.samples)) == 10
    assert max(alive) <= 1


def test_prepare_stores_what_the_detector_reads(landmarker, tmp_path):
    src = tmp_path / "src"
    src.mkdir()
    film(src / "a.mp4")
    film(src / "b.mp4", faces=0)
    (src / "a.meta.json").write_text(json.dumps({"label": 0}))
    phones = {"source": "times", "phones": [{"phone": "aa", "start": 0.4, "end": 0.8}]}
    (src / "a.phones.json").write_text(json.dumps(phones))
    prepare(src, tmp_path / "out", workers=1)
    corpus = Corpus(tmp_path / "out")
    assert [line["reason"] for line in corpus.manifest] == [None, "no_face"]
    (stored,) = corpus.clips
    (read,) = read_clips(src / "a.mp4", landmarker, annotation=Annotation(label=0))
    assert stored.meta == read.meta
    assert stored.phones == read.phones
    assert stored.phones.source == "times"
    np.testing.assert_array_equal(stored.face_THWC, read.face_THWC)
    np.testing.assert_array_equal(stored.landmarks_TN2, read.landmarks_TN2)
