"""Real talking faces, where they are at hand."""

import os
from pathlib import Path

import pytest

from npvf.faces.landmarks import Landmarker
from npvf.io.corpus import Corpus
from npvf.prepare.ingest import read_clips
from npvf.prepare.run import prepare

CLIPS = os.environ.get("NPVF_CLIPS")
pytestmark = pytest.mark.skipif(not CLIPS, reason="set NPVF_CLIPS to a folder with grid/ and wild/")


@pytest.mark.slow
def test_each_speaker_is_followed_from_the_first_frame_to_the_last(tmp_path):
    prepare(Path(CLIPS) / "grid/speakers", tmp_path, workers=2, transcript_from="grid")
    corpus = Corpus(tmp_path)
    assert len(corpus.manifest) == 11
    assert all(line["coverage"] >= 0.95 and line["faces"] == 1 for line in corpus.manifest)
    for clip in corpus.clips:
        assert clip.seconds == pytest.approx(3.0, abs=0.04)
        assert clip.phones.source == "transcript"
        assert clip.meta.speaking > 0.1


@pytest.mark.slow
def test_a_shard_keeps_the_posteriors_that_the_phones_came_from():
    video = next((Path(CLIPS) / "grid" / "speakers").glob("*.mpg"))
    with Landmarker() as landmarker:
        clip = next(read_clips(video, landmarker))
    assert clip.phones.source == "recogniser"
    assert clip.posteriors_FP is not None and clip.posteriors_FP.shape == (2 * clip.frames, 191)
    assert (clip.posteriors_FP.max(1) > 100).all()  # some token is likely in every frame
