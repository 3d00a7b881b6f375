// The three ways a video reaches the player, as values.

/** By name, in the order they are shown. */
export const DELIVERIES = {
  hls: { label: 'HLS', note: 'Segments of a few seconds; the quality follows the connection, or the gear menu.' },
  range: { label: 'Range', note: 'One file, asked for in byte ranges of any length; the quality is chosen by hand.' },
  region: {
    label: 'ResourceRegion',
    note: 'One file, but each answer is a limited region of it; the quality is chosen by hand.',
  },
};

/**
 * @param {object} video
 * @returns {object[]} the renditions whose files are finished, best first
 */
export function finishedRenditions(video) {
  return video.renditions.filter(({ status, file_url: url }) => status === 'complete' && url);
}

/**
 * @param {object} video
 * @returns {object[]} the renditions that its playlist lists once they have a segment: whole ones, and better ones
 */
export function listedRenditions(video) {
  const best = Math.max(0, ...finishedRenditions(video).map(({ height }) => height));
  return video.renditions.filter(({ status, height }) => status === 'complete' || height > best);
}

/**
 * @param {string} delivery
 * @param {object} video
 * @returns {boolean} whether the video can be had this way by now
 */
export function isOffered(delivery, video) {
  return delivery === 'hls' ? Boolean(video.hls_url) : finishedRenditions(video).length > 0;
}

/**
 * @param {object} video
 * @returns {boolean} whether there is anything of it to watch
 */
export function isWatchable(video) {
  return Object.keys(DELIVERIES).some((delivery) => isOffered(delivery, video));
}

/**
 * @param {string} delivery
 * @param {object} video
 * @returns {object[]} sources as Vidstack takes them; with more than one it offers them as qualities
 */
export function sourcesOf(delivery, video) {
  if (delivery === 'hls') return [{ src: video.hls_url, type: 'application/x-mpegurl' }];
  return finishedRenditions(video).map((rendition) => ({
    src: delivery === 'range' ? rendition.file_url : rendition.region_url,
    type: 'video/mp4',
    width: rendition.width,
    height: rendition.height,
    bitrate: rendition.bit_rate_bps,
  }));
}

/**
 * @param {string} url of a source
 * @param {object} video
 * @returns {object | undefined} the rendition whose file it is
 */
export function renditionOf(url, video) {
  const [address] = url.split('#');
  return video.renditions.find(({ file_url: file, region_url: region }) => address === file || address === region);
}

/**
 * @param {string} url of a request
 * @param {string} videoId
 * @returns {string | null} the delivery that asked; null for anything else
 */
export function deliveryOf(url, videoId) {
  const { pathname } = new URL(url, window.location.href);
  const base = `/media/${encodeURIComponent(videoId)}/`;
  if (!pathname.startsWith(base)) return null;
  const rest = pathname.slice(base.length);
  if (rest.startsWith('hls/')) return 'hls';
  if (rest.startsWith('region/')) return 'region';
  return rest.endsWith('.mp4') ? 'range' : null;
}
