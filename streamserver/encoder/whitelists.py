"""What ffprobe and ffmpeg may open at all: everything that is not named here is refused by themselves."""

from streamserver.encoder.limits import MAX_PIXELS

PROTOCOLS = "file"
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,asf,ogg,mxf,gxf,nut,ivf,"
    "dv,wtv,rm,h264,hevc"
)
"""Containers that hold a video themselves; playlists and other lists of files are not among them."""
PICTURES = (
    *("h264", "hevc", "vvc", "av1", "libdav1d", "libaom-av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "cavs"),
    *("mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "mpeg1video", "mpeg2video", "mpegvideo", "mxpeg"),
    *("h261", "h263", "h263i", "h263p", "flv", "vp3", "vp4", "vp5", "vp6", "vp6a", "vp6f", "vp7", "theora"),
    *("wmv1", "wmv2", "wmv3", "wmv3image", "vc1", "vc1image", "mss1", "mss2", "msa1", "mts2", "svq1", "svq3"),
    *("rv10", "rv20", "rv30", "rv40", "rv60", "asv1", "asv2", "amv", "sp5x", "mimic", "loco", "dirac", "snow"),
    *("prores", "prores_raw", "dnxhd", "cfhd", "dvvideo", "hq_hqa", "hqx", "aic", "media100", "pixlet", "speedhq"),
    *("jpeg2000", "mjpeg", "mjpegb", "qtrle", "rpza", "smc", "hap", "dxv", "notchlc", "cinepak", "truemotion1"),
    *("truemotion2", "indeo2", "indeo3", "indeo4", "indeo5", "msvideo1", "msrle", "8bps", "cljr", "cyuv"),
    *("rawvideo", "v210", "v210x", "r210", "r10k", "012v", "y41p", "yuv4", "avui", "avrp", "ffv1", "huffyuv"),
    *("ffvhuff", "hymt", "utvideo", "lagarith", "magicyuv", "vble", "fraps", "zmbv", "mszh", "zlib", "flashsv"),
    *("flashsv2", "camtasia", "tscc2", "camstudio", "dxtory"),
    # Covers.
    *("png", "apng", "gif", "bmp", "tiff", "webp"),
)
SOUNDS = (
    *("aac", "aac_fixed", "aac_latm", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "mp3adu"),
    *("mp3adufloat", "mp3on4", "mp3on4float", "ac3", "ac3_fixed", "eac3", "dca", "mlp", "truehd", "dolby_e"),
    *("opus", "libopus", "vorbis", "libvorbis", "flac", "alac", "als", "tta", "wavpack", "tak", "ape"),
    *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "amrnb", "amrwb", "libopencore_amrnb"),
    *("libopencore_amrwb", "qcelp", "evrc", "speex", "gsm", "gsm_ms", "ilbc", "g723_1", "g722", "g726", "g726le"),
    *("g729", "qdm2", "qdmc", "cook", "sipr", "real_144", "real_288", "ralf", "atrac1", "atrac3", "atrac3al"),
    *("atrac3plus", "atrac3plusal", "nellymoser", "mace3", "mace6", "truespeech", "imc", "metasound", "on2avc"),
    *("dvaudio", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_lxf", "s302m", "pcm_u8", "pcm_s8"),
    *("pcm_s8_planar", "pcm_s16le", "pcm_s16le_planar", "pcm_s16be", "pcm_s16be_planar", "pcm_u16le", "pcm_u16be"),
    *("pcm_s24le", "pcm_s24le_planar", "pcm_s24be", "pcm_u24le", "pcm_u24be", "pcm_s24daud", "pcm_s32le"),
    *("pcm_s32le_planar", "pcm_s32be", "pcm_u32le", "pcm_u32be", "pcm_s64le", "pcm_s64be", "pcm_f16le"),
    *("pcm_f24le", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_vidc"),
    *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ima_amv", "adpcm_ima_dk3", "adpcm_ima_dk4", "adpcm_ms"),
    *("adpcm_ct", "adpcm_sbpro_2", "adpcm_sbpro_3", "adpcm_sbpro_4", "adpcm_swf", "adpcm_yamaha", "adpcm_xa"),
)
TEXTS = (
    *("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"),
    # Pictures of text, captions and teletext are not shown, but come along in recordings.
    *("dvbsub", "dvdsub", "pgssub", "xsub", "cc_dec", "libzvbi_teletextdec", "libaribcaption", "libaribb24"),
)
CODECS = (*PICTURES, *SOUNDS, *TEXTS)
"""Decoders, by their own names. ffprobe refuses a file whole for one track that is not among them, so those of
covers and captions are."""
INPUT_OPTIONS = {
    "protocol_whitelist": PROTOCOLS,
    "format_whitelist": FORMATS,
    "codec_whitelist": ",".join(CODECS),
    # A header alone could make a decoder ask for all the memory there is.
    "max_pixels": str(MAX_PIXELS),
}
"""For each input of ffprobe and ffmpeg."""
