"""Numbers and devices that no command can use end it with status 2 and a sentence, before it does anything."""

import pytest
import torch

from npvf.cli.main import main
from npvf.errors import NpvfError
from npvf.models.device import choose_device


@pytest.mark.parametrize(
    "words",
    [
        "forge SRC OUT --workers 0",
        "forge SRC OUT --per-clip 0",
        "forge SRC OUT --seed -1",
        "forge SRC OUT --crf 52",
        "perturb SRC OUT --kind blur --workers 0",
        "perturb SRC OUT --kind blur --seed x",
        "prepare SRC OUT --workers -1",
        "prepare SRC OUT --max-seconds 0",
        "prepare SRC OUT --shard-mb -1",
        "prepare SRC OUT --max-seconds nan",
        "synth OUT --clips 0",
        "synth OUT --size 129",
        "synth OUT --people 5-3",
        "audit SRC --bootstrap -1",
        "compare A B --bootstrap 0",
        "evaluate SRC --detector silence --seed -1",
        "robustness SRC --detector silence --bootstrap -1",
        "robustness SRC --detector silence --device none_such",
    ],
)
def test_a_value_that_cannot_be_used_is_named(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(words.split())
    except SystemExit as ended:  # argparse's way
        status = ended.code
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert status == 2
    assert said.startswith("npvf") and words.split()[-1] in said
    assert not any(tmp_path.iterdir())


def test_without_a_wish_the_device_is_what_there_is():
    assert choose_device(None) == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == "cpu"


def test_a_device_that_is_not_there_is_no_traceback():
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(NpvfError, match=f"--device {absent} cannot be used: "):
        choose_device(absent)
