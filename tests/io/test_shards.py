import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from npvf.clip import FPS
from npvf.errors import NpvfError
from npvf.io import shards
from npvf.io.corpus import Corpus
from npvf.io.shards import PARTS, clip_key, decode_clip, encode_clip, read_tar, write_tar
from tests.helpers.small_clips import make_clip


@pytest.fixture(scope="module")
def sample():
    return encode_clip(make_clip())


def test_a_clip_survives_the_shard(sample):
    clip, back = make_clip(), decode_clip(sample)
    assert back.meta == clip.meta
    assert back.phones == clip.phones
    np.testing.assert_allclose(back.audio_N, clip.audio_N, atol=2**-15)
    np.testing.assert_allclose(back.landmarks_TN2, clip.landmarks_TN2, atol=2**-7)
    np.testing.assert_allclose(back.source_landmarks_TN2, clip.source_landmarks_TN2, atol=0.03)
    np.testing.assert_array_equal(back.transform_T23, clip.transform_T23)
    np.testing.assert_array_equal(back.confidence_T, clip.confidence_T)
    assert back.face_THWC.shape == clip.face_THWC.shape
    assert np.abs(back.face_THWC.astype(float) - clip.face_THWC).mean() < 4


def test_a_part_of_a_clip_is_that_part_of_the_whole(sample):
    whole, part = decode_clip(sample), decode_clip(sample, 5, 10)
    np.testing.assert_array_equal(part.face_THWC, whole.face_THWC[5:15])
    np.testing.assert_array_equal(part.audio_N, whole.audio_N[5 * 640 : 15 * 640])
    np.testing.assert_array_equal(part.source_landmarks_TN2, whole.source_landmarks_TN2[5:15])
    assert part.meta.span == (2.0 + 5 / FPS, 2.0 + 15 / FPS)
    assert part.meta.intervals == pytest.approx(np.array([[0.0, 0.1]]))
    assert part.phones == whole.phones.between(0.2, 0.6, -0.2)
    assert decode_clip(sample, 20, 100).frames == 10


def test_a_part_outside_the_forged_spans_is_real(sample):
    assert (decode_clip(sample, 5, 10).meta.label, decode_clip(sample, 10, 10).meta.label) == (1, 0)


def test_a_mask_goes_along_and_a_shard_without_one_has_none(tmp_path):
    mask_THW = np.random.default_rng(1).random((30, 224, 224)) > 0.9
    masked = encode_clip(replace(make_clip(), mask_THW=mask_THW))
    path = tmp_path / "shard-000000.tar"
    with path.open("wb") as file:
        write_tar(file, [masked, {**encode_clip(make_clip()), "__key__": "plain"}])
    first, plain = read_tar(path)
    back = decode_clip(first)
    assert back.mask_THW is not None and back.mask_THW.dtype == bool
    np.testing.assert_array_equal(back.mask_THW, mask_THW)
    np.testing.assert_array_equal(decode_clip(first, 7, 9).mask_THW, mask_THW[7:16])
    assert decode_clip(plain).mask_THW is None


def test_a_shard_made_before_a_key_was_known_says_nothing_of_it(sample):
    meta = json.loads(sample["meta.json"])
    for key in ("audio_label", "video_label", "category", "attributes"):
        del meta[key]
    old = decode_clip({**sample, "meta.json": json.dumps(meta).encode()}).meta
    assert (old.audio_label, old.video_label, old.category, old.attributes) == (None, None, None, {})
    assert old.label == 1


def test_the_bytes_of_a_shard_depend_on_the_clips_alone(sample, tmp_path):
    first, second = io.BytesIO(), io.BytesIO()
    write_tar(first, [sample])
    write_tar(second, [encode_clip(make_clip())])
    assert first.getvalue() == second.getvalue()


def test_webdataset_reads_what_we_read(sample, tmp_path):
    import webdataset  # slow to import

    path = tmp_path / "shard-000000.tar"
    samples = [{**sample, "__key__": clip_key(f"s.1/a {n}é.mp4", 0, 0)} for n in range(3)]
    with path.open("wb") as file:
        write_tar(file, samples)
    assert list(read_tar(path)) == samples
    theirs = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [{key: item[key] for key in ("__key__", *PARTS)} for item in theirs] == samples


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(names, names)
def test_different_videos_have_different_keys_without_dots(first, second):
    key, other = clip_key(first, 0, 0), clip_key(second, 0, 0)
    assert key.isascii()
    assert "." not in key
    assert not key.startswith("/")
    assert (key == other) == (first == second)


def test_readable_keys_for_ordinary_names():
    assert clip_key("s1/bbaf2n.mpg", 0, 3) == "s1/bbaf2n~mpg-t0-003"


def test_a_name_that_is_no_unicode_has_a_key_too():
    assert clip_key(os.fsdecode(b"a\xff.mp4"), 1, 0) == "a%FF~mp4-t1-000"


def write_corpus(folder, samples, complete=True):
    with (folder / "shard-000000.tar").open("wb") as file:
        write_tar(file, samples)
    (folder / "dataset.json").write_text(
        json.dumps({"complete": complete, "shards": ["shard-000000.tar"], "clips": len(samples)})
    )


def test_a_corpus_is_read_in_the_order_of_its_shards(sample, tmp_path):
    write_corpus(tmp_path, [{**sample, "__key__": key} for key in "ba"])
    corpus = Corpus(tmp_path)
    assert [item["__key__"] for item in corpus.samples] == ["b", "a"]
    assert len(corpus) == len(list(corpus.clips)) == 2


def test_a_corpus_that_is_not_finished_is_not_read(sample, tmp_path):
    with pytest.raises(NpvfError, match="is not a prepared corpus"):
        Corpus(tmp_path)
    write_corpus(tmp_path, [sample], complete=False)
    with pytest.raises(NpvfError, match="not finished"):
        Corpus(tmp_path)


def test_posteriors_go_along_and_those_of_another_network_do_not(monkeypatch):
    posteriors_FP = np.random.default_rng(2).integers(0, 256, (60, 191), dtype=np.uint8)
    sample = encode_clip(replace(make_clip(), posteriors_FP=posteriors_FP))
    np.testing.assert_array_equal(decode_clip(sample).posteriors_FP, posteriors_FP)
    np.testing.assert_array_equal(decode_clip(sample, 5, 10).posteriors_FP, posteriors_FP[10:30])
    assert decode_clip(encode_clip(make_clip())).posteriors_FP is None
    monkeypatch.setattr(shards, "recogniser_version", lambda: "another 2.0")
    assert decode_clip(sample).posteriors_FP is None
