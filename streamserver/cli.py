"""The command line: `streamserver serve | add | check | migrate`."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path

from streamserver import commands
from streamserver.errors import StreamserverError
from streamserver.settings import PREFIX, Settings, load_settings

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OPTIONS = ("host", "port", "data_dir", "database_url", "workers", "sample", "log_level")
"""Settings that are options too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code, 2 where it could not begin."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        start_logging(settings)
        return run(settings, _command(options, settings))
    except StreamserverError as error:
        print(f"streamserver: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def start_logging(settings: Settings) -> None:
    """Write to standard error what is worth it by the settings."""
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT)
    logging.getLogger("streamserver").setLevel(settings.log_level.upper())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="streamserver", description="Upload, encode and watch video.")
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--config", metavar="FILE", help="a TOML file with settings")
    shared.add_argument("--data-dir", metavar="DIR", help="where everything is kept (./data)")
    shared.add_argument("--database-url", metavar="URL", help="sqlite:///PATH or mysql://USER:PASSWORD@HOST/NAME")
    shared.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    commands_of = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands_of.add_parser("serve", parents=[shared], help="start the server")
    serve.add_argument("--host", default=argparse.SUPPRESS, help="where to listen (127.0.0.1)")
    serve.add_argument("--port", default=argparse.SUPPRESS, help="where to listen (8080; 0 for any free one)")
    serve.add_argument("--workers", default=argparse.SUPPRESS, metavar="N", help="processes (1)")
    serve.add_argument(
        "--no-sample", dest="sample", action="store_false", default=argparse.SUPPRESS, help="no sample video"
    )
    add = commands_of.add_parser("add", parents=[shared], help="put files into the library")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE", help="videos, or folders of videos")
    add.add_argument("--title", help="for a single file; otherwise the files' names")
    add.add_argument("--wait", action="store_true", help="return only when all are encoded")
    check = commands_of.add_parser("check", parents=[shared], help="look whether all that is needed is there")
    check.add_argument("--fix", action="store_true", help="let pages send to the bucket where they may not (CORS)")
    commands_of.add_parser("migrate", parents=[shared], help="bring the database up to date")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    given = {name: getattr(options, name) for name in OPTIONS if hasattr(options, name)}
    config = getattr(options, "config", None) or os.environ.get(f"{PREFIX}CONFIG")
    return load_settings(given, config=Path(config) if config else None)


def _command(options: argparse.Namespace, settings: Settings) -> Coroutine[None, None, int]:
    match options.command:
        case "serve":
            return commands.serve(settings)
        case "add":
            return commands.add(settings, options.files, title=options.title, wait=options.wait)
        case "check":
            return commands.check(settings, fix=options.fix)
        case _:
            return commands.migrate(settings)


def run(settings: Settings, command: Coroutine[None, None, int]) -> int:
    """Run a command on the loop that the settings name."""
    if settings.loop == "uvloop" and sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - there is none on Windows

        return uvloop.run(command)
    return asyncio.run(command)
