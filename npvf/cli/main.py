"""The `npvf` program: import the module of a command, parse its arguments, run it, and turn errors into exit codes."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from npvf.errors import MissingDependency, NpvfError
from npvf.version import __version__

# command -> one line of help. The module npvf.cli.<command> has `add_arguments(parser)` and `run(args) -> int`.
COMMANDS = {
    "doctor": "list what is installed, what is missing, and how to install it",
    "models": "list the weights that npvf ships, print their cards, and fetch the face landmark model",
    "synth": "render the synthetic corpus of talking heads",
    "corpora": "list the corpora that can be read, check that a copy is complete, and make splits",
    "prepare": "turn videos into shards of aligned face tracks, audio and phones",
    "sync": "align audio and lips of a prepared corpus, and drop the clips that do not fit",
    "forge": "make labelled forgeries from real clips",
    "mask": "find the forged pixels of a video by comparing it with its original",
    "perturb": "apply noise, codecs, reverberation and the like to videos, or imitate social networks",
    "pretrain": "stage 1: self-supervised pre-training on real talking faces",
    "finetune": "stage 2: train a detector or a localizer",
    "audit": "find shortcuts and leakage in a labelled corpus before training on it",
    "evaluate": "measure a detector, a localizer or an encoder on a prepared corpus",
    "compare": "test whether two detectors differ on the same videos",
    "motion": "fit the detector of mouth motion on genuine and generated talking faces",
    "fuse": "combine a detector and a localizer into one detector",
    "calibrate": "fit the likelihood ratios and thresholds of a detector",
    "detect": "judge videos: real, fake, mismatch, or abstain",
    "robustness": "measure a detector on perturbed videos",
    "demo": "run the whole pipeline on the synthetic corpus",
}
# These commands pass all their arguments to LightningCLI.
PASS_THROUGH = {"pretrain": "pretrain.cli", "finetune": "finetune.cli"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 2 wrong usage or broken input, else as the command defines."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0] in PASS_THROUGH:
        return _guarded(lambda: _train(argv[0], argv[1:]))
    return _guarded(lambda: _run(argv))


def _run(argv: list[str]) -> int | None:
    args = _parser(argv[0] if argv else None).parse_args(argv)
    return import_module(f"npvf.cli.{args.command}").run(args)


def _train(stage: str, argv: list[str]) -> int | None:
    try:
        stage_cli = import_module(PASS_THROUGH[stage])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"npvf", *PASS_THROUGH}:
            raise
        raise MissingDependency(f"'npvf {stage}' needs the package {error.name}: pip install 'npvf[train]'") from error
    return stage_cli.main(argv)


def _parser(called: str | None) -> argparse.ArgumentParser:
    """Build the parser. It lists all commands, but imports only the called one to add its arguments."""
    parser = argparse.ArgumentParser(
        prog="npvf", description="Audio-visual forensics of talking faces, from raw video to a verdict."
    )
    parser.add_argument("--version", action="version", version=f"npvf {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        if name == called:
            import_module(f"npvf.cli.{name}").add_arguments(command)
    if called and not called.startswith("-") and called not in COMMANDS:
        near = difflib.get_close_matches(called, COMMANDS, n=1)
        parser.error(f"unknown command {called!r}; " + (f"did you mean {near[0]!r}?" if near else "see npvf --help"))
    return parser


def _guarded(command: Callable[[], int | None]) -> int:
    try:
        return command() or 0
    except NpvfError as error:
        print(f"npvf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("npvf: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
