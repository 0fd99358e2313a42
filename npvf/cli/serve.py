"""`npvf serve`: a page and an HTTP API on which videos are judged."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from importlib import import_module

from npvf.cli import options
from npvf.errors import MissingDependency, NpvfError

EXPLANATION = """\
The service answers to this machine only. --host 0.0.0.0 opens it to the network: then each request needs a token, from
--token, from the variable NPVF_TOKEN, or made anew and printed. The page asks for it; programs send the header
'Authorization: Bearer TOKEN'. npvf speaks plain HTTP: put a proxy with TLS before it.

A file is judged in a process of its own, is deleted afterwards, and its result is deleted after --keep minutes. The API
is described at /api/openapi.json. docs/serve.md has examples.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION
    parser.add_argument("--detector", metavar="DIR", help="as in npvf detect (default: the detector that npvf ships)")
    parser.add_argument("--device", help=options.DEVICE)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="the port (default: %(default)s)")
    parser.add_argument("--token", help="what each request needs (better: the variable NPVF_TOKEN)")
    parser.add_argument("--api-only", action="store_true", help="without the page")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-mb", type=options.positive, default=200.0, help="MB of a file (default: 200)")
    limits.add_argument("--max-seconds", type=options.positive, default=120.0, help="length of a video (default: 120)")
    limits.add_argument("--workers", type=options.at_least_one, default=1, help="files at the same time (default: 1)")
    limits.add_argument("--queue", type=options.at_least_one, default=10, help="files that wait (default: 10)")
    limits.add_argument(
        "--file-timeout", type=options.positive, default=900.0, help="seconds to judge a file (default: 900)"
    )
    limits.add_argument("--file-memory", type=options.positive, default=6.0, help="GiB for a file (default: 6)")
    limits.add_argument("--keep", type=options.positive, default=60.0, help="minutes to keep a result (default: 60)")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    try:
        import uvicorn

        from npvf.serve.app import make_app
        from npvf.serve.guard import Access, is_local
        from npvf.serve.jobs import Jobs
        from npvf.serve.settings import MB, ServeSettings

        if not args.api_only:
            import_module("npvf.serve.page")  # needs Gradio: say so before the detector is loaded
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "npvf":
            raise
        raise MissingDependency(f"'npvf serve' needs the package {error.name}: pip install 'npvf[web]'") from error

    token = args.token or os.environ.get("NPVF_TOKEN") or None
    made = token is None and not is_local(args.host)
    if made:
        token = secrets.token_urlsafe(24)
    settings = ServeSettings(
        detector=args.detector,
        device=args.device,
        max_bytes=int(args.max_mb * MB),
        max_seconds=args.max_seconds,
        workers=args.workers,
        queue=args.queue,
        job_seconds=args.file_timeout,
        job_memory=int(args.file_memory * (1 << 30)),
        keep_seconds=60 * args.keep,
    )
    # As Ctrl-C does: by default the process would end at once, and leave uploads and results on the disk.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("npvf: loading the detector", file=sys.stderr)
    with Jobs(settings) as jobs:
        app = make_app(jobs, Access(token), page=not args.api_only)
        _announce(args.host, args.port, token if made else None, not is_local(args.host))
        config = uvicorn.Config(
            app, args.host, args.port, log_level="warning", server_header=False, timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        try:
            server.run()
        except SystemExit as error:  # uvicorn's answer to an address that it cannot have
            raise NpvfError(f"{args.host}:{args.port} cannot be used: is another program there? Try --port") from error
    return 0 if server.started else 2


def _announce(host: str, port: int, token: str | None, open_to_others: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    if open_to_others:
        print(
            f"npvf: WARNING: everybody who reaches {host}:{port} and has the token can send files. Without TLS, the "
            "network can read files, results and the token: put a proxy with TLS before it.",
            file=sys.stderr,
        )
    if token:
        print(f"npvf: the token is {token}", file=sys.stderr)
    print(f"npvf: http://{shown}:{port}  (Ctrl-C ends it)", file=sys.stderr, flush=True)
