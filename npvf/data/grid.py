"""The GRID corpus (Cooke, Barker, Cunningham, Shao 2006): a clip's file name is its sentence."""

from __future__ import annotations

import re

_COMMANDS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
_COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
_PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
_DIGITS = {"z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven"}
_DIGITS |= {"8": "eight", "9": "nine"}
_ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}
# Some copies of the corpus put the speaker before the sentence: id2_vcd_swwp2s.
_NAME = re.compile(r"(?:.*_)?([blps])([bgrw])([abiw])([a-z])([z1-9])([anps])")


def parse_grid_name(stem: str) -> str | None:
    """The sentence of a GRID clip, `bbaf2n` -> "bin blue at f two now"; None where the stem is no GRID name."""
    match = _NAME.fullmatch(stem.lower())
    if match is None:
        return None
    command, colour, preposition, letter, digit, adverb = match.groups()
    words = _COMMANDS[command], _COLOURS[colour], _PREPOSITIONS[preposition], letter, _DIGITS[digit], _ADVERBS[adverb]
    return " ".join(words)
