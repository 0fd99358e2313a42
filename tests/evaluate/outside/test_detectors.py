"""Detectors of others: what counts as an answer, and that nothing they do ends the evaluation."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from npvf.errors import NpvfError
from npvf.evaluate.outside.answers import AnswerFile, ask_all
from npvf.evaluate.outside.detectors import Limits, Miss, is_outside, outside_detector, probability

FUNCTION = "tests.helpers.outside_detectors:odd"
QUICK = Limits(seconds=3.0)


def write(folder: Path, name: str, text: str = "0.25") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def command(code: str) -> str:
    """A command that runs a line of Python on the path."""
    return f"""cmd: {sys.executable} -c "import sys; {code}" {{video}}"""


@pytest.mark.parametrize(
    ("text", "outside"),
    [("a.b:score", True), ("./x/their.py:score", True), ("cmd: x", True), ("people-v1", False), ("org/model", False)],
)
def test_what_is_a_detector_of_others(text: str, outside: bool) -> None:
    assert is_outside(text) is outside


def test_a_folder_with_a_colon_in_its_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_outside("runs:a")
    (tmp_path / "runs:a").mkdir()
    assert not is_outside("runs:a")


@pytest.mark.slow
def test_a_function_that_does_anything_but_answer_misses_one_video(tmp_path: Path) -> None:
    said = {
        "dies": "crash: its process ended: exit status 7",
        "raises": "crash: ZeroDivisionError",
        "nan": "not_finite: the score is nan",
        "nothing": "no_score: the answer is 'None'",
        "words": "no_score: the answer is 'fake'",
        "no_key": "no_score: the answer is",
        "far": "out_of_range: 3.5 is not a probability; give --logits",
        "hangs": "timeout: no answer after 3 s",
    }
    files = {name: write(tmp_path, name) for name in ("first", *said, "last")}
    found = ask_all(lambda: outside_detector(FUNCTION, QUICK), files)
    assert {name: found[name].score for name in ("first", "last")} == {"first": 0.25, "last": 0.25}
    for name, reason in said.items():
        assert found[name].score is None and found[name].reason.startswith(reason), found[name]
    assert 3 <= found["hangs"].seconds < 6


def test_a_function_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("VALUE = 0.75\n")
    (tmp_path / "their.py").write_text("from other import VALUE\ndef score(path):\n    return VALUE\n")
    detector = outside_detector(f"{tmp_path / 'their.py'}:score", QUICK)
    assert detector.score(tmp_path / "x.mp4") == 0.75
    detector.close()


def test_a_function_that_cannot_be_imported_is_an_error_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "their.py").write_text("import not_installed_here\n")
    for place, said in (("their.py:score", "not_installed_here"), ("none.py:score", "No such file")):
        with pytest.raises(NpvfError, match=said):
            outside_detector(f"{tmp_path}/{place}", QUICK)


def test_the_last_line_of_a_command_is_its_answer(tmp_path: Path) -> None:
    video = write(tmp_path, "v.mp4")
    for code, score in (
        ("print('loading'); print(0.5)", 0.5),
        ("print('{' + chr(34) + 'score' + chr(34) + ':0.1}')", 0.1),
    ):
        assert outside_detector(command(code), QUICK).score(video) == score
    for code, reason in (
        ("print(float('nan'))", "not_finite"),
        ("pass", "no_score: it printed nothing on stdout"),
        ("print('real')", "no_score: the answer is 'real'"),
        ("print(0.5); sys.exit('the GPU is lost')", "crash: exit status 1: the GPU is lost"),
        ("import os; os.abort()", "crash: killed by SIGABRT"),
    ):
        with pytest.raises(Miss, match=reason):
            outside_detector(command(code), QUICK).score(video)


@pytest.mark.slow
def test_a_command_is_killed_with_what_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(2); pathlib.Path('{alive}').write_text('x')"
    (tmp_path / "their.py").write_text(
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(30)\n"
    )
    begin = time.monotonic()
    with pytest.raises(Miss, match=r"timeout: no answer after 0.5 s"):
        outside_detector(f"cmd: {sys.executable} {tmp_path}/their.py {{video}}", Limits(0.5)).score(tmp_path / "v.mp4")
    assert time.monotonic() - begin < 5
    time.sleep(2.2)
    assert not alive.exists()


def test_a_path_is_one_argument_and_no_shell_reads_it(tmp_path: Path) -> None:
    name = "a b; touch INJECTED $(touch INJECTED) 'quoted' \"twice\".mp4"
    video = write(tmp_path, name)
    code = "print(0.5 if len(sys.argv) == 2 and sys.argv[1].endswith('twice' + chr(34) + '.mp4') else 0.9)"
    assert outside_detector(command(code), QUICK).score(video) == 0.5
    assert outside_detector(command(code).replace("{video}", "--in={video}"), QUICK).score(video) == 0.5
    assert {path.name for path in tmp_path.iterdir()} == {name} and not Path("INJECTED").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [("cmd: their.py", r"write \{video\} in the command"), ("cmd: 'open {video}", "cannot be split into words")],
)
def test_a_command_that_cannot_be_read_is_an_error(text: str, said: str) -> None:
    with pytest.raises(NpvfError, match=said):
        outside_detector(text, QUICK)


def test_a_command_that_does_not_exist_stops_the_run(tmp_path: Path) -> None:
    files = {str(n): tmp_path / f"{n}.mp4" for n in range(5)}
    with pytest.raises(NpvfError, match="'no-such-program' cannot be started"):
        ask_all(lambda: outside_detector("cmd: no-such-program {video}", QUICK), files, workers=2)


def test_logits_become_probabilities_in_their_order() -> None:
    assert [probability(x, logits=True) for x in (-2.0, 0.0, 7.0)] == pytest.approx([0.1192, 0.5, 0.9991], abs=1e-4)


def test_answers_are_on_the_disk_as_they_come(tmp_path: Path) -> None:
    files, path = {name: write(tmp_path, name) for name in "abc"}, tmp_path / "new" / "answers.csv"
    lines = []
    with AnswerFile(path) as file:

        def keep(answer: object) -> None:
            file.write(answer)  # type: ignore[arg-type]
            lines.append(len(path.read_text().splitlines()))

        ask_all(lambda: outside_detector(command("print(open(sys.argv[1]).read())"), QUICK), files, 2, keep)
    assert lines == [2, 3, 4]
