"""The `npvf` program: finds the command's file, lets it read its arguments, runs it, turns errors into exit codes."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from npvf.errors import MissingDependency, NpvfError
from npvf.version import __version__

# command -> one line of help. Its module npvf.cli.<command> has `add_arguments(parser)` and `run(args) -> int`.
COMMANDS = {
    "doctor": "say what is installed, what is missing, and the line that installs it",
    "models": "bring the face landmark model and check its hash",
    "synth": "make the embedded talking-head corpus",
    "corpora": "say which corpora can be read, whether a copy is complete, and split it",
    "prepare": "turn videos into shards of aligned face tracks, sound and phones",
    "sync": "move the sound of a prepared corpus to where it fits the lips, and drop what never does",
    "forge": "make labelled forgeries out of real clips",
    "mask": "tell the forged pixels of a video from its original",
    "perturb": "put videos through noise, codecs, rooms and social networks",
    "pretrain": "stage 1: self-supervised pre-training on real talking faces",
    "finetune": "stage 2: fine-tune a detector",
    "audit": "look for shortcuts and leakage in a labelled corpus, before anyone trains on it",
    "evaluate": "score a prepared corpus: detection metrics or the synchrony protocol",
    "compare": "test two runs of evaluate on the same videos against each other",
    "fuse": "put a detector and a localizer into one verdict",
    "detect": "judge videos: real, fake, or cannot tell",
    "robustness": "measure a detector on videos after noise, codecs, rooms and social networks",
    "demo": "go the whole way on the embedded corpus",
}
# These hand everything after their name to LightningCLI.
PASS_THROUGH = {"pretrain": "pretrain.cli", "finetune": "finetune.cli"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 2 wrong use or broken input; a command may have its own."""
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
    """All commands by name, but only the one that is called with its arguments: the others are never imported."""
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
        parser.error(f"no command {called!r}; " + (f"did you mean {near[0]!r}?" if near else "see npvf --help"))
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
