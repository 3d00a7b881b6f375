"""Clips of all kinds, made by ffmpeg on demand: small, and each for the one thing that is odd about it."""

from pathlib import Path

from tests.clips.programs import ffmpeg

SECONDS = 4
X264 = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p"
MPEG4 = "-c:v mpeg4 -q:v 5"
AAC = "-c:a aac -b:a 64k"
UPRIGHT = "color=red:size=180x160:rate=25[top];color=blue:size=180x160:rate=25[low];[top][low]vstack"
"""Red above, blue below."""


def _picture(size: str = "320x180", rate: str = "25", seconds: float = SECONDS) -> str:
    return f"-f lavfi -t {seconds} -i testsrc2=size={size}:rate={rate}"


def _sound(seconds: float = SECONDS, channels: str = "stereo", frequency: int = 440) -> str:
    layout = f"aformat=channel_layouts={channels}"
    return f"-f lavfi -t {seconds} -i sine=frequency={frequency}:sample_rate=48000,{layout}"


BT709 = "color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
HDR = "-c:v libx265 -preset ultrafast -x265-params log-level=none:qp=10"
TONE = "if(lt(mod(t\\,1)\\,0.08)\\,sin(6283.2*t)\\,0)"
BEEP = f"aevalsrc={TONE}|{TONE}:s=48000"
FLASH = "color=black:size=320x180:rate=25,geq=lum=if(lt(mod(T\\,1)\\,0.08)\\,235\\,16):cb=128:cr=128"
FLASH_AND_BEEP = f"-f lavfi -t 6 -i {FLASH} -f lavfi -t 6 -i {BEEP}"
"""Two bright frames, and a tone as long, at the beginning of each second."""


def _to_hdr(transfer: str) -> str:
    """Return the filters that write ordinary brightness as BT.2100 does, its white at 203 nits."""
    return (
        "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt2020,"
        f"zscale=transfer={transfer}:matrix=bt2020nc:range=tv:npl=203,format=yuv420p10le"
    )


RECIPES = {
    # What browsers play as it is.
    "h264.mp4": f"{_picture()} {_sound()} {X264} {AAC}",
    "silent.mp4": f"{_picture()} {X264}",
    "moov-first.mp4": "-i {h264.mp4} -c copy -movflags +faststart",
    "few-keyframes.mp4": f"{_picture(seconds=8)} {X264} -g 1000 -keyint_min 1000 -sc_threshold 0",
    "sparse-keyframes.mp4": f"{_picture(seconds=14)} {X264} -g 1000 -keyint_min 1000 -sc_threshold 0",
    "keyframes-alone.mp4": f"{_picture(seconds=3)} {X264} -g 1 -bf 0",
    "full-range.mp4": f"{_picture()} {X264} -pix_fmt yuvj420p",
    "surround.mp4": f"{_picture()} {_sound(channels='5.1')} {X264} {AAC}",
    "short-sound.mp4": f"{_picture()} {_sound(seconds=2)} {X264} {AAC}",
    "transport.ts": f"{_picture()} {_sound()} {X264} {AAC}",
    "variable-copy.mp4": (
        f"{_picture(rate='30', seconds=6)} -vf select=lt(t\\,1)+not(mod(n\\,11)) -fps_mode vfr {X264} -bf 3 -g 20"
    ),
    # What has to be encoded for its picture.
    "hevc.mp4": f"{_picture()} {_sound()} -c:v libx265 -preset ultrafast -x265-params log-level=none {AAC}",
    "ten-bit.mkv": f"{_picture()} -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le",
    "vp9.webm": f"{_picture()} {_sound()} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
    "msmpeg4.avi": f"{_picture()} {_sound()} -c:v msmpeg4 -q:v 5 -c:a libmp3lame",
    "full-colour.mp4": f"{_picture()} {X264} -pix_fmt yuv444p",
    "portrait.mkv": f"{_picture('180x320')} {_sound()} {MPEG4} -c:a libmp3lame",
    "odd.mkv": f"-f lavfi -t {SECONDS} -i testsrc=size=321x181:rate=25 {MPEG4}",
    "tiny.mkv": f"{_picture('32x18')} {MPEG4}",
    "wide-pixels.mkv": f"{_picture('160x180')} -vf setsar=2/1 {MPEG4}",
    "interlaced.mpg": (
        f"{_picture(rate='50')} -vf tinterlace=interleave_top,fieldorder=tff -c:v mpeg2video "
        "-pix_fmt yuv420p -flags +ildct+ilme"
    ),
    "upright.mp4": f"-f lavfi -t {SECONDS} -i {UPRIGHT} -vf transpose=clock {X264}",
    "rotated.mp4": "-display_rotation:v:0 90 -i {upright.mp4} -c copy",
    "upside-down.mp4": f"-f lavfi -t {SECONDS} -i {UPRIGHT} -vf vflip {X264}",
    "mirrored.mp4": "-display_vflip:v:0 -i {upside-down.mp4} -c copy",
    # What has to be encoded for its time.
    "variable.mkv": (
        f"{_picture(rate='30')} {_sound()} -vf select=lt(t\\,2)+not(mod(n\\,7)) -fps_mode vfr {MPEG4} -c:a flac"
    ),
    "slides.mkv": f"{_picture(rate='6/5', seconds=10)} {MPEG4}",
    "fast.mkv": f"{_picture(rate='120', seconds=3)} {MPEG4}",
    "fast-copy.mp4": f"{_picture(rate='120', seconds=3)} {X264} -crf 45",
    "recorded.webm": f"{_picture()} {_sound()} -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -live 1",
    # What has to be encoded for its sound.
    "late-sound.mkv": f"{_picture()} -itsoffset 1.5 {_sound(seconds=2)} {MPEG4} -c:a flac",
    "surround.mkv": f"{_picture()} {_sound(channels='5.1')} {MPEG4} -c:a ac3",
    # What is heard longer than it is seen.
    "long-sound.mp4": f"{_picture(seconds=2)} {_sound(seconds=12)} {X264} {AAC}",
    "long-sound.ts": f"{_picture(seconds=2)} {_sound(seconds=12)} {X264} {AAC}",
    "song.mkv": f"{_picture(rate='1', seconds=1)} {_sound(seconds=12)} {MPEG4} -c:a flac",
    # What has text.
    "subtitles.mkv": (
        f"{_picture()} -i {{en.srt}} -i {{de.srt}} {X264} -map 0 -map 1 -map 2 -c:s srt "
        "-metadata:s:s:0 language=eng -metadata:s:s:1 language=deu -metadata:s:s:1 title=Deutsch"
    ),
    # What has more than one sound track, or chapters.
    "languages.mkv": (
        f"{_picture()} {_sound()} {_sound(frequency=880)} {_sound(frequency=1760)} "
        f"-map 0 -map 1 -map 2 -map 3 {MPEG4} -c:a flac -metadata:s:a:0 language=eng "
        "-metadata:s:a:1 language=ger -disposition:a:0 0 -disposition:a:1 default -disposition:a:2 0"
    ),
    "languages.mp4": (
        f"{_picture()} {_sound()} {_sound(frequency=880)} -map 0 -map 1 -map 2 {X264} {AAC} "
        "-metadata:s:a:0 language=eng -metadata:s:a:1 language=fra"
    ),
    "long-commentary.mkv": f"{_picture()} {_sound()} {_sound(seconds=9)} -map 0 -map 1 -map 2 {X264} {AAC}",
    "chapters.mkv": f"{_picture()} -f ffmetadata -i {{chapters.txt}} -map 0 -map_chapters 1 {X264}",
    # What is brighter than an ordinary screen, and the same for one.
    "bright.mkv": f"{_picture()} {X264} -vf format=yuv420p,setparams={BT709} -qp 10",
    # What does not tell how its colours are written.
    "untold.mkv": f"{_picture('1280x720', seconds=2)} -vf format=yuv420p,setparams=colorspace=unknown -c:v ffv1",
    "screen.mkv": "-f lavfi -t 2 -i smptehdbars=size=1280x720:rate=25 -c:v ffv1 -pix_fmt gbrp",
    "pq.mkv": f"-i {{bright.mkv}} -vf {_to_hdr('smpte2084')} {HDR}",
    "hlg.mkv": f"-i {{bright.mkv}} -vf {_to_hdr('arib-std-b67')} {HDR}",
    # What shows whether picture and sound belong together: a flash and a beep each second.
    "sync.mp4": f"{FLASH_AND_BEEP} {X264} {AAC}",
    "sync.ts": f"{FLASH_AND_BEEP} {X264} {AAC} -output_ts_offset 1000",
    "sync.webm": f"{FLASH_AND_BEEP} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
    "sync.avi": f"{FLASH_AND_BEEP} {MPEG4} -c:a libmp3lame",
    "sync-late-sound.mkv": (
        f"{FLASH_AND_BEEP} -filter_complex [1:a]atrim=start=1.3[late] -map 0:v -map [late] {MPEG4} -c:a flac"
    ),
    "sync-late-picture.mkv": (
        f"{FLASH_AND_BEEP} -filter_complex [0:v]trim=start=0.6[late] -map [late] -map 1:a {X264} {AAC}"
    ),
    "sync-languages.mkv": (
        f"{FLASH_AND_BEEP} -filter_complex [1:a]atrim=start=1.3[late] -map 0:v -map 1:a -map [late] "
        f"{MPEG4} -c:a flac"
    ),
    "sync-late-start.mp4": "-i {sync-late-picture.mkv} -c copy",
    "sync-cut.mp4": "-ss 1.5 -i {sync.mp4} -c copy",
    "sync-early-sound.ts": (
        f"{FLASH_AND_BEEP} -filter_complex [0:v]trim=start=0.2[late] -map [late] -map 1:a {X264} {AAC}"
    ),
    "sync-holes.mkv": (  # as a lost packet or three leave them
        f"{FLASH_AND_BEEP} -filter_complex "
        "[1:a]aselect=not(between(t\\,1.4\\,1.46)+between(t\\,2.4\\,2.46))[holes] "
        f"-map 0:v -map [holes] {MPEG4} -c:a flac"
    ),
    "late-picture.ts": (
        f"{FLASH_AND_BEEP} -filter_complex [0:v]trim=start=1.2[late] -map [late] -map 1:a {X264} {AAC}"
    ),
    "reordered.avi": f"{FLASH_AND_BEEP} {X264} {AAC}",
    "in-order.avi": f"{FLASH_AND_BEEP} {X264} -bf 0 {AAC}",
    "views.mp4": (
        f"{_picture('64x64')} {_picture('160x90')} {_picture()} -map 0 -map 1 -map 2 "
        "-c:v:0 mjpeg -pix_fmt:v:0 yuvj420p -c:v:1 mpeg4 -c:v:2 mpeg4 -disposition:v:1 0 -disposition:v:2 default"
    ),
    "stereo.ts": f"{_picture(seconds=2)} {_sound(2)} -c:v mpeg2video {AAC}",
    "mono.ts": f"{_picture(seconds=2)} {_sound(2, 'mono')} -c:v mpeg2video {AAC} -output_ts_offset 2",
    "stereo-h264.ts": f"{_picture(seconds=2)} {_sound(2)} {X264} {AAC}",
    "mono-h264-first.ts": f"{_picture(seconds=2)} {_sound(2, 'mono')} {X264} {AAC}",
    "mono-h264.ts": f"{_picture(seconds=2)} {_sound(2, 'mono')} {X264} {AAC} -output_ts_offset 2",
    "small-h264.ts": f"{_picture(seconds=2)} {X264}",
    "large-h264.ts": f"{_picture('480x270', seconds=2)} {X264} -output_ts_offset 2",
    "much-later-h264.ts": f"{_picture(seconds=2)} {_sound(2)} {X264} {AAC} -output_ts_offset 5000",
    # What is no video, or not one for us.
    "cover.png": "-f lavfi -i testsrc2=size=64x64 -frames:v 1",
    "cover.mp3": (
        f"{_sound()} -i {{cover.png}} -map 0 -map 1 -c:a libmp3lame -c:v copy -disposition:v attached_pic"
    ),
    "sound.m4a": f"{_sound()} {AAC}",
    "very-wide.mkv": "-f lavfi -t 1 -i testsrc=size=65535x3:rate=5 -c:v ffv1",
}
"""Arguments of ffmpeg; `{name}` is another clip."""

TEXT = "1\n00:00:00,500 --> 00:00:01,500\n{}\n\n2\n00:00:02,000 --> 00:00:03,000\n<i>{}</i>\n"
CHAPTERS = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle={}\n"
CONTENTS = {
    "chapters.txt": (
        ";FFMETADATA1\n" + CHAPTERS.format(0, 1500, "Anfang") + CHAPTERS.format(1500, 4000, "Schluß")
    ).encode(),
    "en.srt": TEXT.format("Hello", "again").encode(),
    "de.srt": TEXT.format("Grüße", "nochmal").encode(),
    "empty.mp4": b"",
    "text.mp4": b"This is no video, whatever its name says.\n" * 200,
    "noise.mp4": bytes(range(1, 256)) * 400,
    "playlist.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
}

CUTS = {"no-end.mp4": "h264.mp4", "half.mp4": "moov-first.mp4", "half.mkv": "odd.mkv"}
"""The first part of another clip."""
CUT_SHARE = 0.6
JOINS = {
    "changing-sound.ts": ("stereo.ts", "mono.ts"),
    "changing-copy.ts": ("stereo-h264.ts", "mono-h264.ts"),
    "changing-size.ts": ("small-h264.ts", "large-h264.ts"),
    "jumping-on.ts": ("stereo-h264.ts", "much-later-h264.ts"),
    "jumping-back.ts": ("much-later-h264.ts", "stereo-h264.ts"),
    "steady-copy.ts": ("mono-h264-first.ts", "mono-h264.ts"),
}
"""Clips that are others, one behind the other."""


class Clips:
    """The clips that were asked for, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> Path:
        """Return a clip; it is made when it is asked for first."""
        path = self._folder / name
        if not path.exists():
            self._make(name, path)
        return path

    def _make(self, name: str, path: Path) -> None:
        if name in CONTENTS:
            path.write_bytes(CONTENTS[name])
        elif name in CUTS:
            whole = self(CUTS[name]).read_bytes()
            path.write_bytes(whole[: round(len(whole) * CUT_SHARE)])
        elif name in JOINS:
            path.write_bytes(b"".join(self(part).read_bytes() for part in JOINS[name]))
        else:
            words = RECIPES[name].split()
            ffmpeg(*(str(self(word[1:-1])) if word.startswith("{") else word for word in words), str(path))
