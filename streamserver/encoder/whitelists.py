"""What ffprobe and ffmpeg may open at all: everything that is not named here is refused by themselves."""

from streamserver.encoder.limits import MAX_PIXELS

PROTOCOLS = "file"
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,asf,ogg,mxf,gxf,nut,ivf,"
    "dv,wtv,rm,h264,hevc"
)
"""Containers that hold a video themselves; playlists and other lists of files are not among them."""
PICTURES = (
    *("h264", "hevc", "vvc", "av1", "libdav1d", "libaom-av1", "vp8", "vp9", "libvpx", "libvpx-vp9"),
    *("mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "mpeg1video", "mpeg2video", "mpegvideo"),
    *("h261", "h263", "h263i", "h263p", "flv", "vp3", "vp5", "vp6", "vp6a", "vp6f", "vp7", "theora", "dirac"),
    *("wmv1", "wmv2", "wmv3", "wmv3image", "vc1", "vc1image", "rv10", "rv20", "rv30", "rv40", "svq1", "svq3"),
    *("prores", "dnxhd", "cfhd", "dvvideo", "jpeg2000", "mjpeg", "mjpegb", "png", "gif", "qtrle", "rpza", "hap"),
    *("cinepak", "indeo2", "indeo3", "indeo4", "indeo5", "msvideo1", "msrle", "8bps", "cljr", "tscc", "tscc2"),
    *("rawvideo", "v210", "v308", "v408", "v410", "r210", "ffv1", "huffyuv", "ffvhuff", "hymt", "utvideo"),
    *("lagarith", "magicyuv", "flashsv", "flashsv2", "camtasia", "dxv", "fraps", "zmbv", "mszh", "zlib", "snow"),
)
SOUNDS = (
    *("aac", "aac_fixed", "aac_latm", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "mp3adu"),
    *("mp3on4", "mp3on4float", "ac3", "ac3_fixed", "eac3", "dca", "mlp", "truehd", "opus", "libopus", "vorbis"),
    *("libvorbis", "flac", "alac", "als", "tta", "wavpack", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
    *("amrnb", "amrwb", "speex", "libspeex", "gsm", "gsm_ms", "qdm2", "qdmc", "cook", "sipr", "ra_144", "ra_288"),
    *("ralf", "atrac1", "atrac3", "atrac3p", "nellymoser", "mace3", "mace6", "truespeech", "g722", "g726", "g729"),
    *("pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_lxf", "pcm_s302m", "s302m", "pcm_u8", "pcm_s8"),
    *("pcm_s8_planar", "pcm_s16le", "pcm_s16le_planar", "pcm_s16be", "pcm_s16be_planar", "pcm_u16le", "pcm_u16be"),
    *("pcm_s24le", "pcm_s24le_planar", "pcm_s24be", "pcm_u24le", "pcm_u24be", "pcm_s24daud", "pcm_s32le"),
    *("pcm_s32le_planar", "pcm_s32be", "pcm_u32le", "pcm_u32be", "pcm_s64le", "pcm_s64be", "pcm_f16le"),
    *("pcm_f24le", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_vidc"),
    *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_swf", "adpcm_yamaha", "adpcm_g722", "adpcm_g726"),
)
TEXTS = (
    *("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"),
    # Pictures of text, captions and teletext are not shown, but come along in recordings.
    *("dvbsub", "dvdsub", "pgssub", "xsub", "cc_dec", "libzvbi_teletextdec"),
)
INPUT_OPTIONS = {
    "protocol_whitelist": PROTOCOLS,
    "format_whitelist": FORMATS,
    "codec_whitelist": ",".join((*PICTURES, *SOUNDS, *TEXTS)),
    # A header alone could make a decoder ask for all the memory there is.
    "max_pixels": str(MAX_PIXELS),
}
"""For each input of ffprobe and ffmpeg."""
