"""`npvf completion SHELL`: print a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse

from npvf.errors import MissingDependency

SHELLS = ("bash", "zsh", "tcsh")

EPILOG = """\
For one session:   eval "$(npvf completion bash)"
For all, bash:     npvf completion bash > ~/.local/share/bash-completion/completions/npvf
For all, zsh:      npvf completion zsh > _npvf        # into a folder of $fpath
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Print the script. It imports every command once, which takes some seconds; the script itself imports nothing."""
    try:
        import shtab
    except ImportError as error:
        raise MissingDependency("'npvf completion' needs the package shtab: pip install 'npvf[shell]'") from error
    from npvf.cli.main import complete_parser

    print(shtab.complete(complete_parser(), args.shell))
    return 0
