"""Put files through an encoder, all that there is of it, and say what became of each: a program, to be watched.

python -m tests.encoder.encode_all KIND BWRAP FOLDER < names and paths, as JSON
"""

import asyncio
import json
import resource
import shutil
import sys
from pathlib import Path

from streamserver.domain.ladder import EncodePlan, Output, ladder_specs, remux_spec
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.limits import Limits
from streamserver.encoder.sandbox import Kind, Sandbox
from streamserver.encoder.x264 import X264
from streamserver.errors import EncodingFailed, MachineFault
from tests.clips.programs import PROGRAMS

MEMORY_BYTES = 1_500_000_000
LIMITS = Limits(
    max_duration_seconds=600,
    probe_seconds=20,
    memory_bytes=MEMORY_BYTES,
    cpu_seconds=5,
    cpu_seconds_per_second=1,
)
AT_ONCE = 4
"""Most of the time is spent on starting programs, and on waiting for whoever watches."""


async def main(sandbox: Sandbox, folder: Path) -> None:
    """Read what there is to do, do it, and print what came of it."""
    encoder = FfmpegEncoder(PROGRAMS, limits=LIMITS, x264=X264(preset="ultrafast"), sandbox=sandbox)
    files: dict[str, str] = json.load(sys.stdin)
    turns = asyncio.Semaphore(AT_ONCE)

    async def put_through(number: int, path: str) -> list[str]:
        place = folder / str(number)
        place.mkdir()
        async with turns:
            return await _put_through(encoder, Path(path), place)

    said = await asyncio.gather(*(put_through(number, path) for number, path in enumerate(files.values())))
    outcomes = {name: {"said": lines} for name, lines in zip(files, said, strict=True)}
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"outcomes": outcomes, "peak_bytes": peak_bytes}))


async def _put_through(encoder: FfmpegEncoder, file: Path, place: Path) -> list[str]:
    """Return what was said of a probe, a poster, and each rendition."""
    source = place / (file.name if set("%*") & set(file.name) else "source")
    shutil.copyfile(file, source)
    try:
        info = await encoder.probe(source)
    except EncodingFailed as fault:
        return [_told("refused", fault)]
    said = []
    try:
        await encoder.poster(source, info, place / "poster.jpg")
    except EncodingFailed as fault:
        said.append(_told("no poster", fault))
    for spec in (ladder_specs(info)[-1], *([remux_spec(info)] if info.video.codec == "h264" else [])):
        outputs = (Output(spec=spec, path=str(place / f"{spec.name}.mp4")),)
        try:
            await encoder.encode(
                EncodePlan(source_path=str(source), source=info, outputs=outputs), lambda _report: None
            )
            said.append(f"encoded: {spec.name}")
        except EncodingFailed as fault:
            said.append(_told("failed", fault))
    return said


def _told(what: str, fault: EncodingFailed) -> str:
    return f"{'tried again' if isinstance(fault, MachineFault) else what}: {fault}"


if __name__ == "__main__":
    asyncio.run(main(Sandbox(kind=Kind(sys.argv[1]), bwrap=sys.argv[2]), Path(sys.argv[3])))
