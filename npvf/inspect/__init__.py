"""The facts of one file: box tree, streams, Content Credentials, oddities."""
