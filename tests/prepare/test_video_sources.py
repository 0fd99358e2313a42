import json

import pytest

from npvf.errors import NpvfError, Reason
from npvf.io.sources import find_sources


def test_a_folder_gives_its_videos_sorted_and_counts_the_rest(tmp_path):
    for name in ["b/x.MP4", "b/x.align", "a.mkv", "b/x.mp4", "notes.txt", "._a.mkv", "out/shard.mp4"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = find_sources(tmp_path, skip=tmp_path / "out")
    assert [source.video for source in found.items] == ["a.mkv", "b/x.MP4", "b/x.mp4"]
    assert found.ignored_files == 3


def test_linked_folders_are_followed_and_loops_end(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/v.mp4").touch()
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "linked").symlink_to(tmp_path / "elsewhere")
    (corpus / "loop").symlink_to(corpus)
    assert [source.video for source in find_sources(corpus).items] == ["linked/v.mp4"]


def test_a_list_keeps_its_order_and_its_missing_files(tmp_path):
    (tmp_path / "list.csv").write_text("path,label\nz.mp4,1\ngone/a.mp4,\n")
    (tmp_path / "z.mp4").touch()
    (tmp_path / "z.meta.json").write_text(json.dumps({"label": 0, "identity": "p"}))
    first, second = find_sources(tmp_path / "list.csv").items
    assert (first.video, first.annotation.label, first.annotation.identity) == ("z.mp4", 1, "p")  # the list wins
    assert second.path == tmp_path / "gone/a.mp4"


def test_a_mask_lies_where_the_list_or_the_sidecar_says(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "list.csv").write_text("path,mask\nsub/a.mp4,masks/a.mp4\nsub/b.mp4,\nsub/c.mp4,\n")
    (tmp_path / "sub/b.meta.json").write_text(json.dumps({"mask": "b.mask.npz"}))
    masks = [source.mask for source in find_sources(tmp_path / "list.csv").items]
    assert masks == [tmp_path / "masks/a.mp4", tmp_path / "sub/b.mask.npz", None]


def test_a_bad_sidecar_is_a_problem_of_its_video_only(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "a.meta.json").write_text('{"lable": 1}')
    bad, good = find_sources(tmp_path).items
    assert bad.problem is not None
    assert bad.problem.reason == Reason.BAD_SIDECAR
    assert good.problem is None


def test_one_file_is_taken_whatever_its_suffix(tmp_path):
    (tmp_path / "video.bin").touch()
    assert [source.video for source in find_sources(tmp_path / "video.bin").items] == ["video.bin"]


def test_transcripts_from_names_do_not_replace_given_ones(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "a.meta.json").write_text('{"transcript": "given"}')
    found = find_sources(tmp_path, transcript_of=lambda stem: f"says {stem}")
    assert [source.annotation.transcript for source in found.items] == ["given", "says b"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_no_videos_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NpvfError, match=name):
        find_sources(tmp_path / name)
