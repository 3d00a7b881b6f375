"""The command line: `scripts/bench serve | deliveries | browser | encode | uploads`."""

import argparse
import importlib
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap.checkout import this_checkout

from benchmarks.servers import BenchError

BENCHMARKS = {
    "serve": "how fast files leave the server, beside nginx, Caddy, FileResponse, Starlette and Express",
    "deliveries": "what Range, ResourceRegion and HLS cost when viewers start, watch and seek",
    "browser": "how a real browser plays and seeks by each delivery",
    "encode": "what encoding costs, beside a plain ffmpeg and beside one process a rendition",
    "uploads": "how fast files come in by tus and by form, beside a plain copy and beside @tus/server",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; return its exit status, 1 where it could not go on."""
    options = _parser().parse_args(arguments)
    output: Path = options.output or this_checkout().cache / "bench" / options.benchmark
    output.mkdir(parents=True, exist_ok=True)
    # Ends as Ctrl-C does: servers that run are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    benchmark = importlib.import_module(f"benchmarks.{options.benchmark}.main")
    try:
        status: int = benchmark.run(quick=options.quick, output=output)
    except BenchError as error:
        print(f"scripts/bench {options.benchmark}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        shutil.copyfile(output / f"{options.benchmark}.json", options.json)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures what the server's work costs.")
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for name, gloss in BENCHMARKS.items():
        benchmark = benchmarks.add_parser(name, help=gloss, description=gloss)
        benchmark.add_argument("--quick", action="store_true", help="under a minute: a check that it runs")
        benchmark.add_argument("--json", type=Path, metavar="FILE", help="where the figures are copied to")
        benchmark.add_argument("--output", type=Path, metavar="DIR", help="where all results go (.cache/bench/…)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
