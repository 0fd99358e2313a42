import json
from dataclasses import fields

import pytest

from npvf.corpora.grid import parse_grid_name
from npvf.errors import NpvfError, Reason, Refused
from npvf.io.annotations import Annotation, cut_label, cut_stream_labels, read_list, read_sidecar


def test_a_sidecar_says_what_is_known_and_the_rest_stays_unknown(tmp_path):
    (tmp_path / "a.meta.json").write_text(json.dumps({"label": 1, "identity": "p1", "identities": ["p2"]}))
    said = read_sidecar(tmp_path / "a.mp4")
    assert said == Annotation(label=1, identity="p1", identities=("p1", "p2"))
    assert read_sidecar(tmp_path / "b.mp4") == Annotation()


def test_an_annotation_survives_its_json():
    said = Annotation(
        label=1,
        manipulation="wav2lip",
        identity="p",
        identities=("p",),
        original="o.mp4",
        split="val",
        intervals=((0.5, 1.0),),
        transcript="bin blue",
        audio_label=1,
        video_label=0,
        category="B",
        attributes={"race": "Asian (East)", "gender": "women"},
        mask="masks/a.mp4",
    )
    assert all(getattr(said, field.name) not in (None, (), {}) for field in fields(said))
    assert Annotation.from_json(json.loads(json.dumps(said.to_json()))) == said


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"lable": 1},
        {"label": True},
        {"label": 2},
        {"label": "fake"},
        {"identity": 7},
        {"identities": "p1"},
        {"intervals": [[1.0, 0.5]]},
        {"intervals": [[0.0, float("inf")]]},
        {"intervals": [0.0, 1.0]},
        {"audio_label": 2},
        {"label": 0, "video_label": 1},
        {"category": ""},
        {"attributes": ["women"]},
        {"attributes": {"age": 30}},
        {"mask": 1},
    ],
)
def test_a_wrong_sidecar_is_refused(content):
    with pytest.raises(Refused) as refusal:
        Annotation.from_json(content)
    assert refusal.value.reason == Reason.BAD_SIDECAR


def test_a_sidecar_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "a.meta.json").write_text("{label: 1")
    with pytest.raises(Refused, match=r"a\.meta\.json"):
        read_sidecar(tmp_path / "a.mp4")


def test_a_list_gives_a_row_for_every_video(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "path,label,identities,intervals,transcript,video_label,attributes,mask\n"
        'a.mp4,1,p1; p2,"[[0.5, 1.5], [0, 0.2]]",,0,"{""gender"": ""men""}",a.mask.npz\n'
        "sub/b.mp4,0,,,set red at,,,\n"
        "c.mp4,maybe,,,,,,\n"
        "d.mp4,,,,,,men,\n"
    )
    rows = read_list(path)
    assert rows["a.mp4"] == Annotation(
        label=1,
        identities=("p1", "p2"),
        intervals=((0.0, 0.2), (0.5, 1.5)),
        video_label=0,
        attributes={"gender": "men"},
        mask="a.mask.npz",
    )
    assert rows["sub/b.mp4"] == Annotation(label=0, transcript="set red at")
    assert isinstance(rows["c.mp4"], Refused)
    assert "line 4" in rows["c.mp4"].sentence
    assert isinstance(rows["d.mp4"], Refused)


@pytest.mark.parametrize("text", ["file,label\na.mp4,1\n", "path,lable\na.mp4,1\n", "path\na.mp4\na.mp4\n", ""])
def test_a_file_that_is_no_list_is_an_error(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(NpvfError, match=r"list\.csv"):
        read_list(path)


def test_a_piece_that_touches_no_forged_span_is_real():
    intervals = ((1.0, 3.0), (25.0, 26.0))
    assert cut_label(1, intervals, 0.0, 20.0) == (1, ((1.0, 3.0),))
    assert cut_label(1, intervals, 2.0, 20.0) == (1, ((0.0, 1.0),))
    assert cut_label(1, intervals, 3.0, 25.0) == (0, ())
    assert cut_label(1, (), 0.0, 20.0) == (1, ())
    assert cut_label(None, (), 0.0, 20.0) == (None, ())


def test_which_stream_of_a_piece_is_forged_is_known_or_it_is_not():
    intervals = ((1.0, 3.0), (25.0, 26.0))
    assert cut_stream_labels(1, 1, intervals, 0.0, 30.0) == (1, 1)
    assert cut_stream_labels(1, 1, intervals, 0.0, 20.0) == (None, None)
    assert cut_stream_labels(1, 0, intervals, 0.0, 20.0) == (1, 0)
    assert cut_stream_labels(1, 1, intervals, 3.0, 25.0) == (0, 0)
    assert cut_stream_labels(None, 1, intervals, 3.0, 25.0) == (None, 0)
    assert cut_stream_labels(1, 0, (), 0.0, 20.0) == (1, 0)


def test_what_is_said_nearer_wins_and_attributes_add_up():
    near = Annotation(label=1, attributes={"gender": "men"})
    far = Annotation(label=0, category="A", attributes={"gender": "women", "race": "African"})
    assert near.over(far) == Annotation(label=1, category="A", attributes={"gender": "men", "race": "African"})


def test_a_grid_name_is_its_sentence():
    assert parse_grid_name("bbaf2n") == "bin blue at f two now"
    assert parse_grid_name("lwbsza") == "lay white by s zero again"
    assert parse_grid_name("id2_vcd_swwp2s") == "set white with p two soon"
    assert parse_grid_name("portrait") is None
