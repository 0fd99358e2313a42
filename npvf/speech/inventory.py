"""The phones that npvf uses, their visemes, and the conversion of other alphabets to them.

The inventory is ARPAbet's 39 phones in lower case without stress, as in the CMU dictionary, and two marks:
`sil` (silence) and `spn` (speech of unknown content).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

SILENCE = "sil"
UNKNOWN = "spn"

_VOWELS = "aa ae ah ao aw ay eh er ey ih iy ow oy uh uw"
_CONSONANTS = "b ch d dh f g hh jh k l m n ng p r s sh t th v w y z zh"
VOWELS = frozenset(_VOWELS.split())
CONSONANTS = frozenset(_CONSONANTS.split())
PHONES = VOWELS | CONSONANTS

# The phones that close the lips. Agarwal et al. (CVPRW 2020) detect lip-sync forgeries by them. NPVForensics gives no
# list; these three are our reading of its "critical phonemes".
CRITICAL = ("m", "b", "p")
BILABIAL = frozenset(CRITICAL)
LABIODENTAL = frozenset({"f", "v"})
FRICATIVE = frozenset(["ch", "dh", "f", "hh", "jh", "s", "sh", "th", "v", "z", "zh"])  # and affricates

# Neti/Potamianos (2003), the 12 classes of sounds and silence. The names of the classes are ours.
_VISEME_CLASSES = {
    "open": "ao ah aa er oy aw hh",
    "rounded": "uw uh ow",
    "spread": "ae eh ey ay",
    "narrow": "ih iy",
    "liquid": "l r y",
    "sibilant": "s z",
    "alveolar": "t d n",
    "palatal": "sh zh ch jh",
    "bilabial": "p b m",
    "dental": "th dh",
    "labiodental": "f v",
    "velar": "ng g k w",
    "silence": SILENCE,
    "unknown": UNKNOWN,
}
VISEMES: Mapping[str, str] = {phone: name for name, phones in _VISEME_CLASSES.items() for phone in phones.split()}

# Labels of TIMIT and older aligners beyond the 39: closures, syllabic and reduced sounds, pauses.
_OTHER_LABELS = {
    **dict.fromkeys(["", "sp", "sil", "<sil>", "pau", "epi", "h#", "<eps>", "<s>", "</s>", "(...)", "brth"], SILENCE),
    **dict.fromkeys(["spn", "<unk>", "unk", "<spn>", "oov", "nsn"], UNKNOWN),
    **{"ax": "ah", "ax-h": "ah", "axr": "er", "ix": "ih", "ux": "uw", "hv": "hh", "em": "m", "en": "n", "el": "l"},
    **{"nx": "n", "dx": "d", "eng": "ng", "bcl": "b", "pcl": "p", "dcl": "d", "tcl": "t", "gcl": "g", "kcl": "k"},
}


def from_label(label: str) -> tuple[str, ...]:
    """Return the phones of one label of an aligner: ARPAbet in any case with or without stress, TIMIT's, or IPA.

    Most labels give one phone; an IPA label may give several, and a lone modifier (length, tone) gives none.

    Examples:
        >>> from_label("AA1"), from_label("bcl"), from_label("tʃ"), from_label("")
        (('aa',), ('b',), ('ch',), ('sil',))
    """
    plain = label.strip().lower()
    bare = plain.rstrip("012")
    if bare in PHONES:
        return (bare,)
    if plain in _OTHER_LABELS:
        return (_OTHER_LABELS[plain],)
    if plain[0] in "<[{":  # <laugh>, [noise]
        return (UNKNOWN,)
    return from_ipa(label.strip())


# Sounds that English does not have become the English sound with the most similar lip movement.
_IPA = {
    **{"aɪ": "ay", "aʊ": "aw", "ʌʉ": "aw", "eɪ": "ey", "oʊ": "ow", "əʊ": "ow", "ɔɪ": "oy", "ə˞": "er", "ɜ˞": "er"},
    **{"a": "aa", "ɑ": "aa", "ɒ": "aa", "æ": "ae", "ɐ": "ah", "ə": "ah", "ʌ": "ah", "ɘ": "ah", "ɤ": "ah", "ɔ": "ao"},
    **{"ɛ": "eh", "e": "eh", "ɚ": "er", "ɝ": "er", "ɜ": "er", "ɞ": "er", "ɪ": "ih", "ɨ": "ih", "ᵻ": "ih", "ɯ": "ih"},
    **{"i": "iy", "o": "ow", "ʊ": "uh", "ɵ": "uh", "ø": "uh", "œ": "uh", "ʏ": "uh", "u": "uw", "ʉ": "uw", "y": "uw"},
    **{"tʃ": "ch", "tɕ": "ch", "tʂ": "ch", "dʒ": "jh", "dʑ": "jh", "dʐ": "jh", "ɟ": "jh", "ʃ": "sh", "ɕ": "sh"},
    **{"ʂ": "sh", "ʒ": "zh", "ʑ": "zh", "ʐ": "zh", "s": "s", "z": "z", "θ": "th", "ð": "dh", "f": "f", "ɸ": "f"},
    **{"v": "v", "ʋ": "v", "β": "v", "p": "p", "b": "b", "ɓ": "b", "ʙ": "b", "m": "m", "ɱ": "m", "t": "t", "ʈ": "t"},
    **{"ʔ": "t", "d": "d", "ɖ": "d", "ɗ": "d", "ɾ": "d", "n": "n", "ɲ": "n", "ɳ": "n", "ŋ": "ng", "ɴ": "ng", "k": "k"},
    **{"c": "k", "q": "k", "ɡ": "g", "g": "g", "ɣ": "g", "h": "hh", "ɦ": "hh", "ħ": "hh", "ʕ": "hh", "x": "hh"},
    **{"χ": "hh", "ç": "hh", "l": "l", "ɫ": "l", "ɬ": "l", "ɮ": "l", "ɭ": "l", "ʎ": "l", "r": "r", "ɹ": "r", "ɻ": "r"},
    **{"ɽ": "r", "ʀ": "r", "ʁ": "r", "j": "y", "ʝ": "y", "ɰ": "y", "w": "w", "ʍ": "w", "ɥ": "w"},
}


def from_ipa(text: str) -> tuple[str, ...]:
    """Return the phones of a piece of IPA. Stress, length, tone and other modifiers are ignored.

    An unknown letter gives `spn`.

    Examples:
        >>> from_ipa("tʃiːz")
        ('ch', 'iy', 'z')
    """
    if text == "<unk>":
        return (UNKNOWN,)
    composed = unicodedata.normalize("NFC", text)
    bare = "".join(c if c in _IPA else _without_marks(c) for c in composed)
    return _longest_matches(bare, _IPA)


# eSpeak NG's phoneme mnemonics in its English voices. A digit or # behind a symbol marks a variant of it.
_ESPEAK = {
    **{"3:": "er", "3": "er", "@": "ah", "@2": "ah", "@5": "ah", "@-": "ah", "@L": "ah l", "A:": "aa", "A@": "aa r"},
    **{"0": "aa", "a": "ae", "aa": "ae", "a#": "ah", "V": "ah", "VR": "ah r", "O": "ao", "O:": "ao", "O2": "ao"},
    **{"O@": "ao r", "o@": "ao r", "OI": "oy", "oU": "ow", "aI": "ay", "aI2": "ay", "aI@": "ay ah", "aI3": "ay er"},
    **{"aU": "aw", "aU@": "aw ah", "eI": "ey", "E": "eh", "E2": "eh", "e@": "eh r", "i": "iy", "i:": "iy", "I": "ih"},
    **{
        "I#": "ih",
        "I2": "ih",
        "IR": "er",
        "i@": "iy ah",
        "i@3": "ih r",
        "u:": "uw",
        "u": "uw",
        "U": "uh",
        "U@": "uh r",
    },
    **{"b": "b", "d": "d", "dZ": "jh", "D": "dh", "f": "f", "g": "g", "h": "hh", "j": "y", "k": "k", "l": "l"},
    **{"l#": "l", "m": "m", "m-": "m", "n": "n", "n-": "n", "N": "ng", "p": "p", "r": "r", "r-": "r", "s": "s"},
    **{"S": "sh", "t": "t", "t#": "d", "t2": "t", "t[": "t", "tS": "ch", "T": "th", "v": "v", "w": "w", "w#": "w"},
    **{"x": "hh", "z": "z", "Z": "zh", "?": "t", "_": SILENCE, "_:": SILENCE, "_!": SILENCE, "_|": SILENCE},
}


def from_espeak(mnemonic: str) -> tuple[str, ...]:
    """Return the phones of an eSpeak NG mnemonic (English voices); stress marks are ignored, pauses are `sil`."""
    return _longest_matches(mnemonic.strip("',%=;|"), _ESPEAK)


def _longest_matches(text: str, table: Mapping[str, str]) -> tuple[str, ...]:
    longest = max(map(len, table))
    phones: list[str] = []
    at = 0
    while at < len(text):
        for size in range(min(longest, len(text) - at), 0, -1):
            if found := table.get(text[at : at + size]):
                phones += found.split()
                break
        else:
            size = 1
            if text[at].isalpha() and unicodedata.category(text[at]) != "Lm":
                phones.append(UNKNOWN)
        at += size
    return tuple(phones)


def _without_marks(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) != "Mn")
