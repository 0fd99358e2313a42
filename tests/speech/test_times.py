import json

import pytest

from npvf.clip import Phone, Phones
from npvf.errors import Reason, Refused
from npvf.speech.times import read_times

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.2
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.2
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = ""
        intervals [2]:
            xmin = 0.3
            xmax = 1.2
            text = "say ""my"" 3 words!"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.2
        points: size = 1
        points [1]:
            number = 0.5
            mark = "!"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.2
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = ""
        intervals [2]:
            xmin = 0.3
            xmax = 0.45
            text = "M"
        intervals [3]:
            xmin = 0.45
            xmax = 0.8
            text = "AY1"
        intervals [4]:
            xmin = 0.8
            xmax = 1.2
            text = "spn"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.2
<exists>
1
"IntervalTier"
"anna - phones"
0
1.2
4
0
0.3
""
0.3
0.45
"M"
0.45
0.8
"AY1"
0.8
1.2
"spn"
"""
EXPECTED = (Phone("sil", 0, 0.3), Phone("m", 0.3, 0.45), Phone("ay", 0.45, 0.8), Phone("spn", 0.8, 1.2))


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("text", [LONG, SHORT, LONG.replace("\n", "\r\n")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_textgrid(tmp_path, text, encoding):
    phones = read_times(write(tmp_path, "a.TextGrid", text, encoding))
    assert phones == Phones(EXPECTED, "times")


def test_ctm(tmp_path):
    text = (
        ";; made by hand\nrec 1 0.0 0.3 SIL\nrec 1 0.3 0.15 M_B 0.9\n\nrec 1 0.45 0.35 AY1_E 0.8\nrec 1 0.8 .4 <unk>\n"
    )
    phones = read_times(write(tmp_path, "a.ctm", text))
    assert [p.phone for p in phones.items] == [p.phone for p in EXPECTED]
    assert [p.start for p in phones.items] == pytest.approx([p.start for p in EXPECTED])
    assert [p.confidence for p in phones.items] == [1, 0.9, 0.8, 1]


def test_our_own_json_comes_back_with_its_source(tmp_path):
    phones = Phones(EXPECTED, "recogniser")
    assert read_times(write(tmp_path, "a.phones.json", json.dumps(phones.to_json()))) == phones


def test_mfa_json(tmp_path):
    entries = [[0, 0.3, ""], [0.3, 0.45, "m"], [0.45, 0.8, "aj"], [0.8, 1.2, "spn"]]
    content = {"start": 0, "end": 1.2, "tiers": {"words": {"entries": []}, "phones": {"entries": entries}}}
    phones = read_times(write(tmp_path, "a.json", json.dumps(content)))
    assert [p.phone for p in phones.items] == ["sil", "m", "aa", "y", "spn"]
    assert (phones.items[2].end, phones.items[3].end) == pytest.approx((0.625, 0.8))


def test_whisperx_with_phones(tmp_path):
    segment = {
        "phones": [{"phone": "m", "start": 0.3, "end": 0.45, "score": 0.7}, {"phone": "aɪ", "start": 0.45, "end": 1}]
    }
    phones = read_times(write(tmp_path, "a.json", json.dumps({"segments": [segment]})))
    assert phones.items == (Phone("m", 0.3, 0.45, 0.7), Phone("ay", 0.45, 1.0))


def test_words_alone_are_not_enough(tmp_path):
    words = [{"word": "hello", "start": 0.1, "end": 0.5, "score": 0.9}]
    chars = [{"char": c, "start": 0.1, "end": 0.2} for c in "hello"]
    content = {"segments": [{"start": 0, "end": 1, "words": words, "chars": chars}], "word_segments": words}
    with pytest.raises(Refused, match=r"a\.json: holds times of words or letters only") as refusal:
        read_times(write(tmp_path, "a.json", json.dumps(content)))
    assert refusal.value.reason is Reason.BAD_SIDECAR
    with pytest.raises(Refused, match="line 1: 'hello' is not a phone"):
        read_times(write(tmp_path, "a.ctm", "rec 1 0.1 0.4 hello\n"))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.json", "{", "line 1: not JSON"),
        ("a.json", "[]", "expected a JSON object"),
        ("a.json", "{}", "holds neither"),
        ("a.phones.json", '{"phones": [{"phone": "m", "start": 0}]}', "lacks a part"),
        ("a.phones.json", '{"phones": [{"start": 0, "end": 1}]}', "lacks a part"),
        ("a.phones.json", '{"phones": [3]}', "lacks a part"),
        (
            "a.phones.json",
            '{"phones": [{"phone": "m", "start": 0.5, "end": 0.1}]}',
            "phone 1: 'm' lasts from 0.5 to 0.1",
        ),
        ("a.phones.json", '{"phones": [{"phone": "m", "start": NaN, "end": 1}]}', "not a number"),
        ("a.phones.json", '{"phones": [{"phone": "", "start": -1, "end": 1}]}', "lasts from -1"),
        ("a.ctm", "rec 1 0.0 0.5 M\nrec 1 0.2 0.5 AY1", "line 2: 'AY1' begins at 0.2 s"),
        ("a.ctm", "rec 1 0.0 0.5 M\nrec 1 x 0.5 AY1", "line 2: expected"),
        ("a.ctm", "rec 1 0.0", "line 1: expected"),
        ("a.ctm", "rec 1 0 1 M\nother 1 1 1 M", "2 recordings"),
        ("a.ctm", "rec 1 0 1 7", "'7' is not a phone"),
        ("a.TextGrid", "hello", "not a TextGrid"),
        ("a.TextGrid", "", "not a TextGrid"),
        ("a.TextGrid", "ooBinaryFile\x08TextGrid", "binary TextGrid"),
        ("a.TextGrid", SHORT.replace("0.45\n0.8\n", "0.45\n"), "line 20: .* where the end of an interval should"),
        ("a.TextGrid", SHORT[:-20], "the file ends where"),
        ("a.TextGrid", SHORT.replace("anna - phones", "words"), "no tier of phones among 'words'"),
        ("a.TextGrid", SHORT.replace('0.3\n0.45\n"M"', '0.2\n0.45\n"M"'), "line 18: 'M' begins at 0.2"),
        ("a.lab", "", "are read from"),
    ],
)
def test_broken_files_are_refused_with_the_place(tmp_path, name, text, sentence):
    with pytest.raises(Refused, match=sentence) as refusal:
        read_times(write(tmp_path, name, text))
    assert refusal.value.reason is Reason.BAD_SIDECAR
    assert name in refusal.value.sentence


def test_phone_tiers_of_two_speakers_are_refused(tmp_path):
    body = SHORT.split('"IntervalTier"')[1]
    text = SHORT.replace("<exists>\n1\n", "<exists>\n2\n") + '"IntervalTier"' + body.replace("anna", "bert")
    with pytest.raises(Refused, match="several phone tiers"):
        read_times(write(tmp_path, "a.TextGrid", text))


def test_text_that_is_not_unicode_is_refused(tmp_path):
    path = tmp_path / "a.ctm"
    path.write_bytes(b"rec 1 0 1 \xe6\n")
    with pytest.raises(Refused, match="UTF-8"):
        read_times(path)
