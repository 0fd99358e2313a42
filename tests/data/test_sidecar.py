import json

import pytest

from npvf.data.grid import parse_grid_name
from npvf.data.sidecar import Annotation, cut_label, read_list, read_sidecar
from npvf.errors import NpvfError, Reason, Refused


def test_a_sidecar_says_what_is_known_and_the_rest_stays_unknown(tmp_path):
    (tmp_path / "a.meta.json").write_text(json.dumps({"label": 1, "identity": "p1", "identities": ["p2"]}))
    said = read_sidecar(tmp_path / "a.mp4")
    assert said == Annotation(label=1, identity="p1", identities=("p1", "p2"))
    assert read_sidecar(tmp_path / "b.mp4") == Annotation()


def test_an_annotation_survives_its_json():
    said = Annotation(0, "none", "p", ("p",), "o.mp4", "val", ((0.5, 1.0),), "bin blue")
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
        "path,label,identities,intervals,transcript\n"
        'a.mp4,1,p1; p2,"[[0.5, 1.5], [0, 0.2]]",\n'
        "sub/b.mp4,0,,,set red at\n"
        "c.mp4,maybe,,,\n"
    )
    rows = read_list(path)
    assert rows["a.mp4"] == Annotation(label=1, identities=("p1", "p2"), intervals=((0.0, 0.2), (0.5, 1.5)))
    assert rows["sub/b.mp4"] == Annotation(label=0, transcript="set red at")
    assert isinstance(rows["c.mp4"], Refused)
    assert "line 4" in rows["c.mp4"].sentence


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


def test_a_grid_name_is_its_sentence():
    assert parse_grid_name("bbaf2n") == "bin blue at f two now"
    assert parse_grid_name("lwbsza") == "lay white by s zero again"
    assert parse_grid_name("id2_vcd_swwp2s") == "set white with p two soon"
    assert parse_grid_name("portrait") is None
