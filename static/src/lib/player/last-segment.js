import Hls from 'hls.js';

/**
 * Let a video end whose last segment has a picture and no sound.
 *
 * It adds nothing to what can be played of both, so hls.js takes it for a gap, loads the one before it once more, and never
 * tells the browser that there is no more to come: the picture would stand still shortly before its end.
 * @param {Hls} hls
 */
export function endAfterLastSegment(hls) {
  let hasEnd = false;
  hls.on(Hls.Events.BUFFER_FLUSHING, () => {
    hasEnd = false;
  });
  hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag }) => {
    hasEnd ||= frag.endList;
    const last = hls.levels[frag.level]?.details?.endSN;
    if (hasEnd && frag.sn >= last - 1) hls.trigger(Hls.Events.BUFFER_EOS, {});
  });
}
