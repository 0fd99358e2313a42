"""The `npvf` program: import the module of a command, parse its arguments, run it, and turn errors into exit codes."""

from __future__ import annotations

import argparse
import difflib
import os
import select
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from npvf.errors import MissingDependency, NpvfError
from npvf.version import __version__

# group -> command -> one line of help. A module npvf.cli.<command> has `add_arguments(parser)` and `run(args) -> int`.
GROUPS = {
    "Look at a file": {
        "detect": "judge videos: real, fake, mismatch, or abstain",
        "inspect": "list the facts of videos, and how well they can be judged",
        "verify": "check a bundle of npvf detect: is everything as it was?",
    },
    "Make data": {
        "corpora": "list the corpora that npvf reads, check a copy, make splits",
        "prepare": "turn videos into shards of aligned face tracks, audio and phones",
        "sync": "align audio and lips of a corpus, drop the clips that do not fit",
        "synth": "render the synthetic corpus of talking heads",
        "forge": "make labelled forgeries from real clips",
        "mask": "find the forged pixels of a video by its original",
        "perturb": "apply noise, codecs and the like, or imitate social networks",
    },
    "Train": {
        "pretrain": "stage 1: self-supervised pre-training on real talking faces",
        "finetune": "stage 2: train a detector or a localizer",
        "motion": "fit the detector of mouth motion on real and generated faces",
        "fuse": "combine a detector and a localizer into one detector",
        "calibrate": "fit the likelihood ratios and thresholds of a detector",
    },
    "Measure": {
        "audit": "find shortcuts and leakage in a labelled corpus before training",
        "evaluate": "measure a detector, localizer or encoder on a prepared corpus",
        "compare": "test whether two detectors differ on the same videos",
        "robustness": "measure a detector on perturbed videos",
    },
    "Serve": {
        "serve": "judge uploaded videos over HTTP",
    },
    "The installation": {
        "export": "write the networks of a detector as ONNX or for torch.export",
        "completion": "print a script that completes commands in a shell",
        "doctor": "list what is installed, what is missing, and how to install it",
        "models": "list shipped weights, print cards, fetch the landmark model",
        "demo": "run the whole pipeline on the synthetic corpus",
    },
}
COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}
# These commands pass all their arguments to LightningCLI.
PASS_THROUGH = {"pretrain": "pretrain.cli", "finetune": "finetune.cli"}
EXIT_STATUS = """\
Exit status:
    0    done
    1    done, but something is missing (doctor, corpora), a shortcut was
         found (audit), no video could be prepared (prepare), or a bundle
         differs from its manifest (verify)
    2    wrong use, or an input that cannot be read: stderr says which
    3    at least one video was not judged (detect), or cannot be (inspect)
    130  stopped with Ctrl-C
    141  nobody reads the output any more (npvf ... | head)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, or list the commands if none is named. Returns the exit status (`EXIT_STATUS`)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv:
        _parser(None).print_help()
        return 0
    if argv and argv[0] in PASS_THROUGH:
        return _guarded(lambda: _train(argv[0], argv[1:]))
    return _guarded(lambda: _run(argv))


def _run(argv: list[str]) -> int | None:
    args = _parser(argv[0]).parse_args(argv)
    return import_module(f"npvf.cli.{args.command}").run(args)


def _train(stage: str, argv: list[str]) -> int | None:
    try:
        stage_cli = import_module(PASS_THROUGH[stage])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"npvf", *PASS_THROUGH}:
            raise
        raise MissingDependency(f"'npvf {stage}' needs the package {error.name}: pip install 'npvf[train]'") from error
    return stage_cli.main(argv)


def complete_parser() -> argparse.ArgumentParser:
    """Build the parser with the arguments of all commands, for which all of them are imported."""
    return _parser(None, every=True)


def _parser(called: str | None, every: bool = False) -> argparse.ArgumentParser:
    """Build the parser. Its help lists all commands, but only the called one is imported to add its arguments."""
    parser = argparse.ArgumentParser(
        prog="npvf",
        usage="npvf [-h] [--version] COMMAND ...",
        description="\n".join([*_overview(), "", "'npvf COMMAND --help' explains a command."]),
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"npvf {__version__}")
    # The description lists the commands. Completion leaves out what is hidden.
    hidden = None if every else argparse.SUPPRESS
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="npvf", help=hidden, required=True)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        if name == called or (every and name not in PASS_THROUGH):
            import_module(f"npvf.cli.{name}").add_arguments(command)
    if called and not called.startswith("-") and called not in COMMANDS:
        near = difflib.get_close_matches(called, COMMANDS, n=1)
        parser.error(f"unknown command {called!r}; " + (f"did you mean {near[0]!r}?" if near else "see npvf --help"))
    return parser


def _overview() -> list[str]:
    """Return all commands in their groups, one line each; it fits a terminal of 80 columns."""
    lines = ["Audio-visual forensics of talking faces, from raw video to a verdict."]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:", *(f"    {name:<12}{line}" for name, line in commands.items())]
    return lines


def _guarded(command: Callable[[], int | None]) -> int:
    try:
        status = command() or 0
        sys.stdout.flush()
        return status
    except NpvfError as error:
        print(f"npvf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("npvf: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _reader_has_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return 141


def _reader_has_gone() -> bool:
    """Return True if nobody reads stdout any more, as in `npvf ... | head`: another pipe may have broken instead."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


if __name__ == "__main__":
    sys.exit(main())
