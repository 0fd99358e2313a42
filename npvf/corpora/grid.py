"""GRID (Cooke, Barker, Cunningham, Shao 2006): short commands; the file name of a clip encodes its sentence.

`align/<name>.align` has the words with times in 1/25,000 s. Speaker 21 has no video.
"""

from __future__ import annotations

import re
from pathlib import Path

from npvf.clip import REAL
from npvf.corpora.files import find_files, find_videos, locate
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, misnamed
from npvf.io.annotations import Annotation

_COMMANDS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
_COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
_PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
_DIGITS = {"z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven"}
_DIGITS |= {"8": "eight", "9": "nine"}
_ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}
# Some copies of the corpus put the speaker before the sentence: id2_vcd_swwp2s.
_NAME = re.compile(r"(?:.*_)?([blps])([bgrw])([abiw])([a-z])([z1-9])([anps])")
_SPEAKER = re.compile(r"s\d{1,2}")


def read(root: Path) -> Listing:
    """Read `sN/**/<name>.mpg`; copies differ in the folders below that of the speaker."""
    root = locate(root, "s[0-9]", "s[0-9][0-9]", what="GRID")
    aligned = {_utterance(path): path for path in find_files(root, {".align"})}
    return listing(root, (_record(root, path, aligned) for path in find_videos(root)))


def parse_grid_name(stem: str) -> str | None:
    """Return the sentence of a clip, `bbaf2n` -> "bin blue at f two now"; None if the stem is not a name of GRID.

    Examples:
        >>> parse_grid_name("bbaf2n")
        'bin blue at f two now'
    """
    match = _NAME.fullmatch(stem.lower())
    if match is None:
        return None
    command, colour, preposition, letter, digit, adverb = match.groups()
    words = _COMMANDS[command], _COLOURS[colour], _PREPOSITIONS[preposition], letter, _DIGITS[digit], _ADVERBS[adverb]
    return " ".join(words)


def _utterance(path: str) -> tuple[str, str]:
    """Return (speaker, name): `s1/align/bbaf2n.align` and `alignments/s1/bbaf2n.align` belong to `s1/bbaf2n.mpg`."""
    speaker = next((part for part in Path(path).parts if _SPEAKER.fullmatch(part)), "")
    return speaker, Path(path).stem


def _record(root: Path, place: str, aligned: dict[tuple[str, str], str]) -> Record:
    speaker, stem = _utterance(place)
    sentence = parse_grid_name(stem)
    if not speaker or sentence is None:
        return misnamed(place, "the naming of GRID")
    path = f"{speaker}/{Path(place).name}"
    annotation = Annotation(label=REAL, identity=speaker, identities=(speaker,))
    align = aligned.get((speaker, stem))
    if align is not None:
        words = _aligned_words(root / align)
        if words is None:
            return bad_value(path, align, "a line is not `start end word`", annotation=annotation, file=place)
        sentence = " ".join(words)
    return Record(path, Annotation(transcript=sentence).over(annotation), place)


def _aligned_words(path: Path) -> list[str] | None:
    rows = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if any(len(row) != 3 or not (row[0].isdigit() and row[1].isdigit()) for row in rows):
        return None
    return [word for _, _, word in rows if word not in ("sil", "sp")]


READER = Reader(
    name="grid",
    title="GRID",
    use="pre-training",
    get="zenodo.org/records/3625687",
    licence="CC BY 4.0",
    layout="sN/<name>.mpg, align/<name>.align or sN/align/<name>.align",
    read=read,
    counts={f"s{number}": 1000 for number in range(1, 35) if number != 21},
    class_of=lambda record: record.annotation.identity or "",
)
