"""Files that a stranger might send to make the server read, ask, or work for what is not the stranger's.

Each is made anew, small, and around two baits: a file and an address that nobody may ever touch.
"""

import random
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.clips.generated import Clips
from tests.clips.packages import real_clip
from tests.clips.programs import ffmpeg

LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{file}\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
    "hls-key": (
        '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\n{file}\n'
        "#EXT-X-ENDLIST\n"
    ),
    "hls-concat": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nconcat:{url}|{file}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{path}'\nfile '{url}'\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        'bandwidth="1"><BaseURL>{url}</BaseURL><SegmentList><SegmentURL media="{file}"/></SegmentList>'
        "</Representation></AdaptationSet></Period></MPD>"
    ),
    "smil": '<smil><body><switch><video src="{url}"/><video src="{file}"/></switch></body></smil>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "svg": '<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"><image xlink:href="{url}"/></svg>',
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n",
    "metadata": ";FFMETADATA1\ntitle={file}\n",
    "mov-reference": "\x00\x00\x00\x1cftypqt  \x00\x00\x00\x00qt  \x00\x00\x00\x00rtsptext\nRTSPtext{url}\n",
}
"""Lists of addresses, and texts that lead to other files."""
FUZZED = 40
SEED = 20
FLIPS = 24
"""Bytes that are changed in a fuzzed file."""
STREAMS = 10_000


class Hostile:
    """Makes the files in a folder; `bait` is a file, and `port` one of this machine."""

    def __init__(self, folder: Path, clips: Clips, *, bait: Path, port: int) -> None:
        self._folder = folder
        self._clips = clips
        self._bait = bait
        self._port = port

    def disguised(self) -> dict[str, Path]:
        """Return files that lead elsewhere, in the clothes of videos."""
        made = {}
        for name, text in LISTS.items():
            content = self._baited(text)
            made[name] = self._write(f"{name}.mp4", content)
            # What looks at the first bytes alone takes these for containers.
            made[f"{name}-behind-a-box"] = self._write(f"{name}-box.mp4", b"\0\0\0\x10ftypisom\0\0\0\0" + content)
            made[f"{name}-behind-a-packet"] = self._write(f"{name}.ts", b"G" + b"\xff" * 187 + b"\n" + content)
        made["pattern"] = self._write("picture%03d.mp4", self._clips("cover.png").read_bytes())
        made["glob"] = self._write("*.mp4", self._clips("cover.png").read_bytes())
        made["gab2"] = self._write("gab2.avi", self._with_gab2(self._small("avi")))
        made["alias"] = self._write("alias.mov", self._with_alias(self._small("mov")))
        return made

    def absurd(self) -> dict[str, Path]:
        """Return files that claim more than there is, and those that are not whole."""
        mp4, avi = self._small("mov"), self._small("avi")
        motion_jpeg = self._ffmpeg("huge.avi", *_picture(), "-c:v", "mjpeg").read_bytes()
        return {
            "many-streams": self._write("streams.mp4", _multiplied(mp4, STREAMS)),
            "hundred-streams": self._write("hundred.mp4", _multiplied(mp4, 100)),
            "huge-frame": self._write("huge.avi", _jpeg_of(motion_jpeg, 65500)),
            "huge-claim": self._write("claim.avi", avi.replace(*_sizes(avi, 60000), 1)),
            "endless-claim": self._write("endless.mp4", _slowed(mp4)),
            "endless-leap": self._write("leap.mkv", self._leaping()),
            "cut": self._write("cut.mp4", mp4[: len(mp4) // 2]),
            "cut-in-the-middle": self._write("cut.avi", avi[: len(avi) // 2]),
            "nothing-but-zeros": self._write("zeros.mp4", bytes(1_000_000)),
            "zeros-from-the-middle-on": self._write("half.avi", avi[: len(avi) // 2] + bytes(len(avi) // 2)),
            "boxes-in-boxes": self._write("boxes.mp4", _nested(5_000)),
            "a-box-of-all-there-is": self._write("box.mp4", b"\0\0\0\x01moov" + b"\xff" * 8 + mp4),
        }

    def fuzzed(self, count: int = FUZZED) -> dict[str, Path]:
        """Return videos with some bytes changed: the same ones for the same seed."""
        dice = random.Random(SEED)  # noqa: S311 - not a secret, and the same again
        sources = [self._small(kind) for kind in ("mov", "avi", "mkv", "mpegts", "flv", "webm")]
        sources += [self._cut_from(real_clip(name)) for name in ("gradio/world.mp4", "opencv-doc/tree.avi")]
        made = {}
        for number in range(count):
            content = bytearray(sources[number % len(sources)])
            # Headers decide most, so half of the changes are there.
            for flip in range(FLIPS):
                content[dice.randrange(min(2048, len(content)) if flip % 2 else len(content))] = dice.randrange(
                    256
                )
            made[f"fuzzed-{number}"] = self._write(f"fuzzed-{number}", bytes(content))
        return made

    def _baited(self, text: str) -> bytes:
        url = f"http://127.0.0.1:{self._port}/bait.ts"
        return text.format(file=f"file://{self._bait}", path=self._bait, url=url, port=self._port).encode()

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    def _ffmpeg(self, name: str, *arguments: str) -> Path:
        path = self._folder / f"made-{name}"
        if not path.exists():
            ffmpeg(*arguments, str(path))
        return path

    def _small(self, kind: str) -> bytes:
        """Return a video of a second, and of little more than stamp size, in a container."""
        codec = {"webm": "libvpx", "mov": "libx264", "mpegts": "mpeg2video", "flv": "flv"}.get(kind, "mpeg4")
        sound = {"webm": "libopus", "mov": "aac"}.get(kind, "mp3")
        tone = ("-f", "lavfi", "-t", "1", "-i", "sine=sample_rate=48000")
        speed = ("-deadline", "realtime") if kind == "webm" else ("-g", "5")
        coded = (
            "-c:v",
            codec,
            "-pix_fmt",
            "yuv420p",
            *speed,
            "-c:a",
            sound,
            "-ar",
            "44100" if kind == "flv" else "48000",
        )
        return self._ffmpeg(f"small-{kind}", *_picture(), *tone, *coded, "-f", kind_of(kind)).read_bytes()

    def _cut_from(self, clip: Path) -> bytes:
        name = f"cut-{clip.name}"
        return self._ffmpeg(name, "-i", str(clip), "-t", "1", "-c", "copy").read_bytes()

    def _leaping(self) -> bytes:
        """Return a video that claims two seconds, and whose last frame is a day away."""
        leap = r"setts=ts=if(gte(N\,8)\,TS+86400/TB\,TS)"
        made = self._ffmpeg("leap.mkv", *_picture(), "-c:v", "mpeg4", "-bsf:v", leap).read_bytes()
        claim = re.compile(rb"\x44\x89\x88.{8}", re.DOTALL)
        return claim.sub(b"\x44\x89\x88" + struct.pack(">d", 2000.0), made, count=1)

    def _with_gab2(self, avi: bytes) -> bytes:
        """Return an AVI with one more stream, of text, which is a playlist."""
        listed = self._baited(LISTS["hls"])
        text = b"GAB2\0\x02\0" + struct.pack("<I", 2) + b"x\0" + struct.pack("<HI", 4, len(listed)) + listed
        chunk = _riff(b"01tx" if avi.count(b"strh") == 1 else b"02tx", text)
        header = _riff(b"strh", b"txts" + bytes(12) + struct.pack("<8I", 0, 1, 25, 0, 1, 0, 0, 0) + bytes(8))
        stream = _riff(b"LIST", b"strl" + header + _riff(b"strf", bytes(8)))
        for place, addition in ((b"movi", chunk), (b"hdrl", stream)):
            start = avi.index(place) - 8
            (size,) = struct.unpack_from("<I", avi, start + 4)
            end = start + 8 + size
            avi = (
                avi[: start + 4]
                + struct.pack("<I", size + len(addition))
                + avi[start + 8 : end]
                + addition
                + avi[end:]
            )
        streams = avi.index(b"avih") + 8 + 24
        (count,) = struct.unpack_from("<I", avi, streams)
        avi = avi[:streams] + struct.pack("<I", count + 1) + avi[streams + 4 :]
        return b"RIFF" + struct.pack("<I", len(avi) - 8) + avi[8:]

    def _with_alias(self, mov: bytes) -> bytes:
        """Return a QuickTime film whose samples are in another file."""
        path = str(self._bait).encode()
        alias = bytes(10) + b"\x01x" + bytes(26 + 12) + bytes((min(63, len(path)),)) + path[:63].ljust(63, b"\0")
        alias += bytes(16) + struct.pack(">HH", 0, 0) + bytes(16)
        alias += struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2) + b"\xff\xff\0\0"
        entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
        dref = struct.pack(">II", 0, 1) + entry
        return _edited(mov, b"dref", lambda _content: dref)


def kind_of(kind: str) -> str:
    """Return the name that ffmpeg has for a container."""
    return {"mkv": "matroska"}.get(kind, kind)


def _picture() -> tuple[str, ...]:
    return ("-f", "lavfi", "-t", "1", "-i", "testsrc2=size=64x48:rate=10")


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"})


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of each box."""
    place = 0
    while place < len(content):
        size, name = struct.unpack_from(">I4s", content, place)
        yield name, content[place + 8 : place + size]
        place += size


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _edited(content: bytes, wanted: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """Return boxes, in which the content of all of one name is another."""
    parts = []
    for name, inner in _boxes(content):
        if name == wanted:
            parts.append(_box(name, edit(inner)))
        else:
            parts.append(_box(name, _edited(inner, wanted, edit) if name in CONTAINERS else inner))
    return b"".join(parts)


def _multiplied(mp4: bytes, count: int) -> bytes:
    """Return a file with its first track that many times."""

    def edit(moov: bytes) -> bytes:
        boxes = list(_boxes(moov))
        track = next(_box(name, inner) for name, inner in boxes if name == b"trak")
        return b"".join(_box(name, inner) for name, inner in boxes if name != b"trak") + track * count

    return _edited(mp4, b"moov", edit)


def _slowed(mp4: bytes) -> bytes:
    """Return a file of which each frame is shown for hours."""

    def slow_clock(header: bytes) -> bytes:
        return header[:12] + struct.pack(">II", 1, 0x7FFFFFFF) + header[20:]

    def long_frames(table: bytes) -> bytes:
        entries = (struct.unpack_from(">II", table, place) for place in range(8, len(table), 8))
        return table[:8] + b"".join(struct.pack(">II", count, delta * 60) for count, delta in entries)

    for name, edit in ((b"mvhd", slow_clock), (b"mdhd", slow_clock), (b"stts", long_frames)):
        mp4 = _edited(mp4, name, edit)
    return mp4


def _jpeg_of(avi: bytes, side: int) -> bytes:
    """Return a video whose pictures, other than their container, claim to be of that size."""
    return re.sub(
        rb"(\xff\xc0\x00\x11\x08)....",
        lambda found: found[1] + struct.pack(">HH", side, side),
        avi,
        flags=re.DOTALL,
    )


def _sizes(avi: bytes, side: int) -> tuple[bytes, bytes]:
    """Return the description of an AVI's pictures, and the same with another size."""
    start = avi.index(b"strf") + 8
    told = avi[start : start + 40]
    return told, told[:4] + struct.pack("<II", side, side) + told[12:]


def _nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _box(b"moov", content)
    return _box(b"ftyp", b"isom\0\0\0\0") + content
