"""The `npvf` program: finds the command's file, lets it read its arguments, runs it, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from npvf import __version__
from npvf.errors import NpvfError

# command -> one line of help. The command's module npvf.cli.<command> has `add_arguments(parser)` and `run(args) -> int`.
COMMANDS = {
    "doctor": "say what is installed, what is missing, and the line that installs it",
    "models": "bring the face landmark model and check its hash",
    "synth": "make the embedded talking-head corpus",
    "prepare": "turn videos into shards of aligned face tracks, sound and phones",
    "forge": "make labelled forgeries out of real clips",
    "pretrain": "stage 1: self-supervised pre-training on real talking faces",
    "finetune": "stage 2: fine-tune a detector",
    "evaluate": "score a prepared corpus: detection metrics or the synchrony protocol",
    "detect": "judge videos: real, fake, or cannot tell",
    "demo": "go the whole way on the embedded corpus",
}
# These hand everything after their name to LightningCLI.
PASS_THROUGH = {"pretrain": "pretrain.cli", "finetune": "finetune.cli"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 2 wrong use or broken input; a command may have its own."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0] in PASS_THROUGH:
        return _guarded(lambda: import_module(PASS_THROUGH[argv[0]]).main(argv[1:]))
    parser = argparse.ArgumentParser(
        prog="npvf", description="Audio-visual forensics of talking faces, from raw video to a verdict."
    )
    parser.add_argument("--version", action="version", version=f"npvf {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = next((word for word in argv if not word.startswith("-")), None)
    for name, line in COMMANDS.items():
        command = subparsers.add_parser(name, help=line, description=line)
        if name == called:
            import_module(f"npvf.cli.{name}").add_arguments(command)
    args = parser.parse_args(argv)
    return _guarded(lambda: import_module(f"npvf.cli.{args.command}").run(args))


def _guarded(command) -> int:  # type: ignore[no-untyped-def]
    try:
        return int(command() or 0)
    except NpvfError as error:
        print(f"npvf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("npvf: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
