import pytest

from npvf.speech.inventory import (
    _ESPEAK,
    _IPA,
    CRITICAL,
    LABIODENTAL,
    PHONES,
    SILENCE,
    UNKNOWN,
    VISEMES,
    from_espeak,
    from_ipa,
    from_label,
)


def test_thirty_nine_phones_each_with_a_viseme():
    assert len(PHONES) == 39
    assert set(VISEMES) == PHONES | {SILENCE, UNKNOWN}
    assert {p for p in PHONES if VISEMES[p] == "bilabial"} == set(CRITICAL)
    assert {p for p in PHONES if VISEMES[p] == "labiodental"} == LABIODENTAL


@pytest.mark.parametrize("table", [_IPA, _ESPEAK])
def test_every_mapping_ends_in_the_inventory(table):
    assert {p for target in table.values() for p in target.split()} <= PHONES | {SILENCE}


@pytest.mark.parametrize(
    ("ipa", "expected"),
    [
        ("t͡ʃ", "ch"),
        ("tʃ", "ch"),
        ("d͡ʒ", "jh"),
        ("oʊ", "ow"),
        ("ɑːɹ", "aa r"),
        ("ˈiː", "iy"),
        ("pʰ", "p"),
        ("k͈", "k"),
        ("ja", "y aa"),
        ("wʌ", "w ah"),
        ("ɫ̩", "l"),
        ("ə˞", "er"),
        ("aɪɚ", "ay er"),
        ("ç", "hh"),
        ("ã", "aa"),
        ("ː", ""),
        ("ʰ", ""),
        ("˥", ""),
        ("一", "spn"),
        ("<unk>", "spn"),
    ],
)
def test_ipa(ipa, expected):
    assert from_ipa(ipa) == tuple(expected.split())


@pytest.mark.parametrize(
    ("mnemonic", "expected"),
    [
        ("'eI", "ey"),
        ("tS", "ch"),
        ("A@", "aa r"),
        ("i@3", "ih r"),
        ("n-", "n"),
        ("t#", "d"),
        ("_:", "sil"),
        ("@L", "ah l"),
    ],
)
def test_espeak(mnemonic, expected):
    assert from_espeak(mnemonic) == tuple(expected.split())


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("AH0", "ah"),
        ("iy1", "iy"),
        ("ZH", "zh"),
        ("y", "y"),
        ("axr", "er"),
        ("bcl", "b"),
        ("h#", "sil"),
        ("", "sil"),
        ("sp", "sil"),
        ("SIL", "sil"),
        ("spn", "spn"),
        ("tʃ", "ch"),
        ("mʲ", "m"),
    ],
)
def test_labels_of_aligners(label, expected):
    assert from_label(label) == tuple(expected.split())


def test_the_recogniser_s_whole_alphabet_is_known():
    hama = pytest.importorskip("hama")
    letters = [t for t in hama.ASRModel().decoder_tokens if not t.startswith("<")]
    unknown = {t for t in letters if UNKNOWN in from_ipa(t)}
    assert unknown == {"一", "不"}  # a numeral and a negation: no sounds of speech
