"""`npvf evaluate`."""

from npvf.cli.evaluate.command import add_arguments, run

__all__ = ["add_arguments", "run"]
