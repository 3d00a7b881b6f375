"""The command lines of ffmpeg, composed with ffmpeg-python; each option has its reason beside it."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import ffmpeg

from streamserver.domain.edits import TOLERANCE_SECONDS
from streamserver.domain.ladder import (
    AUDIO_BIT_RATE_BPS,
    AUDIO_CHANNELS,
    REMUX_FRAGMENT_SECONDS,
    EncodePlan,
    Output,
    RenditionSpec,
    scaled_from,
)
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream, VideoStream
from streamserver.domain.storyboard import COLUMNS, ROWS, Storyboard
from streamserver.encoder.whitelists import INPUT_OPTIONS
from streamserver.encoder.x264 import X264, x264_options

Stream: TypeAlias = Any
"""A node of ffmpeg-python's graph; the package has no types."""

GROWING_MP4 = {
    "format": "mp4",
    # Fragments that can be played while the file grows; a plain MP4 in place when it ends; the init segment
    # written once the first packets are known, so that it tells their true start.
    "movflags": "+frag_keyframe+default_base_moof+hybrid_fragmented+delay_moov",
    # Frames in a row, of one kind. Whoever reads the file as a whole needs picture and sound of the same moment,
    # and would otherwise have to wait for two seconds of the one before the other begins.
    "frag_interleave": 12,
    # A fragment is there once it is made; small ones would wait until there are 256 KiB, seconds of them.
    "flush_packets": 1,
}
PRIVATE = {
    "map_metadata": "-1",  # a phone writes where it was
    "map_chapters": "-1",  # the muxer would add a text track for them
}
TEE_SPECIAL = re.compile(r"[\s\\'|]")
"""What means something in the list of files that `tee` is given."""
JPEG = {"frames:v": 1, "q:v": 3, "format": "image2", "update": 1, **PRIVATE}
SAY_LITTLE = ("-hide_banner", "-nostdin", "-v", "error", "-y")
TELL_PROGRESS = ("-progress", "pipe:1", "-stats_period", "0.5")
SAMPLE_SECONDS = 20
POSTER_SIDE = 1280
"""Pixels of a poster's longer side, at most."""


AUDIO_FRAGMENT_MICROSECONDS = 2_000_000
"""Sound alone has no keyframes where fragments could end."""
MAX_PICTURE_PIXELS = 50_000_000
"""Of a picture that somebody sends."""
PICTURE_FORMATS = {
    "jpeg": ("jpeg_pipe", "mjpeg"),
    "png": ("png_pipe", "png"),
    "gif": ("gif", "gif"),
    "webp": ("webp_pipe", "webp"),
}
"""What ffmpeg calls their formats, and their decoders."""
HD_LINES = 720
"""From here on colours that nobody tells are taken for those of HD (Rec. ITU-R BT.709), else of SD (BT.601)."""
STEADY_SOUND = "async=1:min_hard_comp=0.03"
"""Sound that is apart from its time by more than 0.03 s is put right; by less it is where times are rounded."""
REFERENCE_WHITE_NITS = 203
"""How bright a sheet of paper is in HDR (Report ITU-R BT.2408); it becomes nearly the white of SDR."""


def encode_command(program: str, plan: EncodePlan, x264: X264) -> list[str]:
    """Return the command that carries out a plan."""
    if plan.outputs[0].spec.is_remux:
        return _compiled(program, _remux(plan), *SAY_LITTLE, *TELL_PROGRESS)
    return _compiled(program, _ladder(plan, x264), *SAY_LITTLE, *TELL_PROGRESS)


def poster_command(
    program: str, source_path: str, source: SourceInfo, target: str, at_seconds: float
) -> list[str]:
    """Return the command that writes the most telling picture near a moment as a JPEG."""
    picture = ffmpeg.input(source_path, ss=f"{at_seconds:.3f}", **INPUT_OPTIONS)[str(source.video.index)]
    scale = min(1.0, POSTER_SIDE / max(source.video.width, source.video.height))
    size = {name: _even(side * scale) for name, side in (("w", source.video.width), ("h", source.video.height))}
    picture = picture.filter("thumbnail", n=24).filter("scale", **size).filter("setsar", "1")
    written = _for_any_screen if source.video.is_hdr else _of_told_colours
    picture = _for_jpeg(written(picture, source.video))
    return _compiled(program, ffmpeg.output(picture, target, **JPEG), *SAY_LITTLE)


def subtitle_command(
    program: str, source_path: str, tracks: Sequence[SubtitleStream], targets: Sequence[str]
) -> list[str]:
    """Return the command that writes text tracks as WebVTT, and reads their source once."""
    source = ffmpeg.input(source_path, **INPUT_OPTIONS)
    options = {"c:s": "webvtt", "format": "webvtt", **PRIVATE}
    outputs = (
        ffmpeg.output(source[str(track.index)], target, **options)
        for track, target in zip(tracks, targets, strict=True)
    )
    return _compiled(program, ffmpeg.merge_outputs(*outputs), *SAY_LITTLE)


def picture_command(program: str, path: str, kind: str, target: str) -> list[str]:
    """Return the command that writes a picture of a known kind as a JPEG of the size of a poster."""
    form, decoder = PICTURE_FORMATS[kind]
    # Its format is named, so nothing is guessed from bytes that strangers made.
    only = {"format": form, "format_whitelist": form, "codec_whitelist": decoder, "max_pixels": MAX_PICTURE_PIXELS}
    sides = {"w": f"min({POSTER_SIDE},iw)", "h": f"min({POSTER_SIDE},ih)"}
    picture = ffmpeg.input(path, **{**INPUT_OPTIONS, **only})["v:0"].filter(
        "scale", **sides, force_original_aspect_ratio="decrease", force_divisible_by=2
    )
    picture = _for_jpeg(picture.filter("setsar", "1"))
    return _compiled(program, ffmpeg.output(picture, target, **JPEG), *SAY_LITTLE)


def storyboard_command(program: str, path: str, board: Storyboard, targets: Sequence[str]) -> list[str]:
    """Return the command that lays small pictures of a video out on sheets."""
    # Only keyframes are decoded, a hundredth of the work.
    picture = ffmpeg.input(path, skip_frame="nokey", **INPUT_OPTIONS)["v:0"]
    rate = 1 / Fraction(board.interval_seconds).limit_denominator(1000)
    tiles = picture.filter("fps", fps=str(rate), start_time=0, eof_action="pass").filter(
        "scale", board.tile_width, board.tile_height
    )
    # As many as were planned, also where the last keyframe lies long before the end.
    tiles = tiles.filter("setsar", "1").filter("tpad", stop=board.tiles, stop_mode="clone")
    tiles = tiles.filter("trim", end_frame=board.tiles).filter("tile", f"{COLUMNS}x{ROWS}")
    sheets = _for_jpeg(tiles).filter_multi_output("split", len(targets))
    outputs = [
        ffmpeg.output(sheets[number].filter("select", f"eq(n,{number})"), target, **{**JPEG, "q:v": 5})
        for number, target in enumerate(targets)
    ]
    return _compiled(program, ffmpeg.merge_outputs(*outputs), *SAY_LITTLE)


def sound_command(program: str, path: str, tracks: Sequence[AudioStream], targets: Sequence[str]) -> list[str]:
    """Return the command that encodes sound tracks, each to a growing file of its own."""
    source = ffmpeg.input(path, **INPUT_OPTIONS)
    options = {**_sound(), "frag_duration": AUDIO_FRAGMENT_MICROSECONDS, **GROWING_MP4, **PRIVATE}
    outputs = [
        ffmpeg.output(source[str(track.index)], target, **options)
        for track, target in zip(tracks, targets, strict=True)
    ]
    return _compiled(program, ffmpeg.merge_outputs(*outputs), *SAY_LITTLE)


def sample_command(program: str, target: str) -> list[str]:
    """Return the command that makes a video out of nothing: a counter that runs, and a beep each second."""
    picture = ffmpeg.input("testsrc2=size=1280x720:rate=30", format="lavfi", t=SAMPLE_SECONDS)
    sound = ffmpeg.input("sine=frequency=220:beep_factor=4:sample_rate=48000", format="lavfi", t=SAMPLE_SECONDS)
    options = {"c:v": "libx264", "preset": "ultrafast", "pix_fmt": "yuv420p", "g": 60, "c:a": "aac", "ac": 2}
    return _compiled(program, ffmpeg.output(picture, sound, target, **options), *SAY_LITTLE)


def _remux(plan: EncodePlan) -> Stream:
    source = ffmpeg.input(plan.source_path, **INPUT_OPTIONS)
    streams = [
        source[str(plan.source.video.index)],
        *(source[str(track.index)] for track in plan.source.audio[:1]),
    ]
    options = {"c": "copy", "min_frag_duration": round(REMUX_FRAGMENT_SECONDS * 1e6), **GROWING_MP4, **PRIVATE}
    if plan.source.video.start_seconds > 0:
        # The picture begins at 0. With an empty edit in front of it, which players of segments pass over, it would
        # run ahead of the sound; what the sound loses they take from its edit.
        options["output_ts_offset"] = f"{-plan.source.video.start_seconds:.6f}"
    if plan.source.audio:
        # Transport streams carry AAC with a header on each frame (ADTS); with a delayed init segment the muxer
        # does not take these off by itself. AAC without them passes as it is.
        options["bsf:a"] = "aac_adtstoasc"
    return ffmpeg.output(*streams, plan.outputs[0].path, **options)


def _ladder(plan: EncodePlan, x264: X264) -> Stream:
    """One decode, one chain of filters, then a scaler and an x264 for each rendition."""
    source = ffmpeg.input(plan.source_path, **INPUT_OPTIONS)
    picture = _steady(source[str(plan.source.video.index)], plan.source.video, plan.outputs[0].spec)
    if plan.source.still_seconds:
        # The last frame stays: without a picture there would be no segments for the rest of the sound.
        picture = picture.filter("tpad", stop_mode="clone", stop_duration=f"{plan.source.still_seconds:.3f}")
    if plan.source.video.is_hdr:
        # In the size of the largest rendition, as it is done in floating point.
        largest = plan.outputs[0].spec
        picture = picture.filter("scale", largest.width, largest.height, flags="bicubic")
        picture = _for_any_screen(picture, plan.source.video)
    else:
        picture = _of_told_colours(picture, plan.source.video)
    specs = [output.spec for output in plan.outputs]
    sound = [source[str(track.index)] for track in plan.source.audio[:1]]
    options = {
        **x264_options(specs, x264, has_sound=bool(sound)),
        **(_sound(plan.source) if sound else {}),
        **PRIVATE,
        # Each of the files has its header in front, where `tee` does not ask for it.
        "flags": "+global_header",
        "format": "tee",
        # Microseconds: pictures are handed on as they come. Small ones, which are done first, wait for no large
        # ones then; inside of each file they are put in order all the same.
        "max_interleave_delta": 1,
    }
    return ffmpeg.output(*_scaled(picture, specs), *sound, _tee(plan.outputs, has_sound=bool(sound)), **options)


def _scaled(picture: Stream, specs: Sequence[RenditionSpec]) -> Iterator[Stream]:
    """Scale a picture to all sizes, the smaller ones out of larger ones."""
    origins = scaled_from(specs)
    copies: dict[int | None, Iterator[Stream]] = {None: _copies(picture, origins.count(None))}
    for number, spec in enumerate(specs):
        scaled = next(copies[origins[number]]).filter("scale", spec.width, spec.height, flags="bicubic")
        scaled = scaled.filter("setsar", "1").filter("format", "yuv420p")
        copies[number] = _copies(scaled, 1 + origins.count(number))
        yield next(copies[number])


def _copies(picture: Stream, count: int) -> Iterator[Stream]:
    """Yield a picture so many times, for a filtered stream can be used once only; `split` costs nothing."""
    copies = picture.filter_multi_output("split", count)
    return (copies[number] for number in range(count))


def _steady(picture: Stream, video: VideoStream, spec: RenditionSpec) -> Stream:
    """Give every frame its time: whole frames at a constant rate from 0 on, so that keyframes align everywhere."""
    if video.is_interlaced:
        picture = picture.filter("bwdif", mode="send_frame")
    rate = Fraction(spec.frame_rate).limit_denominator(1001)
    return picture.filter("fps", fps=str(rate), start_time=0)


def _of_told_colours(picture: Stream, video: VideoStream) -> Stream:
    """Tell how colours are written where the source does not.

    Players then guess it by the lines of the picture, and so another way for each rendition.
    """
    if video.is_rgb:
        picture = picture.filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv444p")
        return picture.filter("setparams", colorspace="bt709", range="tv")
    if video.matrix:
        return picture
    return picture.filter("setparams", colorspace="bt709" if video.height >= HD_LINES else "smpte170m")


def _for_any_screen(picture: Stream, video: VideoStream) -> Stream:
    """Map HDR to the brightness and the colours of ordinary screens (BT.709); anything else stays as it is."""
    if not video.is_hdr:
        return picture
    told = {"transferin": video.transfer, "primariesin": "bt2020", "matrixin": "bt2020nc"}
    light = picture.filter("zscale", transfer="linear", npl=REFERENCE_WHITE_NITS, **told)
    light = light.filter("format", "gbrpf32le").filter("zscale", primaries="bt709")
    # Mobius leaves most of the picture as bright as it is and compresses the highlights alone.
    light = light.filter("tonemap", "mobius", desat=0)
    light = light.filter("zscale", transfer="bt709", matrix="bt709", range="tv")
    return light.filter("format", "yuv420p")


def _for_jpeg(picture: Stream) -> Stream:
    """Write colours as everyone takes those of a JPEG to be written (JFIF): as in BT.601, of full range."""
    # yuvj420p is what JPEG stores; without it a 10-bit source fails.
    return picture.filter("scale", out_color_matrix="bt601", out_range="pc").filter("format", "yuvj420p")


def _begins_anew(source: SourceInfo) -> bool:
    """Tell whether what is at the beginning of the sound may be met again.

    Filters are made anew where channels change. One that fills the time since 0 would do so in the middle, too.
    """
    return source.may_change_sound and source.audio[0].start_seconds <= TOLERANCE_SECONDS


def _sound(source: SourceInfo | None = None) -> dict[str, Any]:
    """Return how sound is encoded: that of a source beside its picture, or alone."""
    fills_beginning = source is None or not _begins_anew(source)
    filters = [f"aresample={':'.join((*(['first_pts=0'] if fills_beginning else []), STEADY_SOUND))}"]
    if source is not None and source.silent_seconds and not source.may_change_sound:
        filters.append(f"apad=whole_dur={source.duration_seconds:.3f}")  # silence until the picture ends
    return {
        "c:a": "aac",
        "b:a": AUDIO_BIT_RATE_BPS,
        "ac": AUDIO_CHANNELS,
        "ar": 48000,
        # Holes and late starts in the source's sound become silence, so that it stays with the picture; by itself
        # the filter bears with 0.1 s.
        "af": ",".join(filters),
    }


def _tee(outputs: Sequence[Output], *, has_sound: bool) -> str:
    """Write each picture to a file of its own, and the sound, which is encoded once, to all of them."""
    muxer = ":".join(("f=mp4", *(f"{name}={value}" for name, value in GROWING_MP4.items() if name != "format")))
    sound = ",a" if has_sound else ""
    return "|".join(
        rf"[select=\'v:{number}{sound}\':{muxer}]{TEE_SPECIAL.sub(_escaped, output.path)}"
        for number, output in enumerate(outputs)
    )


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def _compiled(program: str, graph: Stream, *arguments: str) -> list[str]:
    command: list[str] = ffmpeg.compile(graph.global_args(*arguments), cmd=program)
    return command


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)
