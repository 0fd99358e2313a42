"""`npvf COMMAND`: one file for each command, imported only when the command is called.

`npvf.cli.main.main(["detect", "clip.mp4"])` runs a command and returns its exit status. Programs import the packages
that do the work instead.
"""

__all__: list[str] = []
