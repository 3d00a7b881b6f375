import { element } from '../elements.js';
import { formatBitRate, formatClock } from '../format.js';

function addresses({ status, file_url: file, playlist_url: playlist }) {
  const links = [];
  if (file && status === 'complete') links.push(element('a', { href: file }, 'File'));
  if (playlist) links.push(element('a', { href: playlist }, 'Playlist'));
  return links.flatMap((link) => [link, ' ']);
}

function row(rendition) {
  const { name, width, height, bit_rate_bps: bitRate } = rendition;
  return element(
    'tr',
    { 'data-testid': 'rendition' },
    element('th', { scope: 'row' }, name),
    element('td', {}, `${width}×${height}`),
    element('td', {}, bitRate ? formatBitRate(bitRate) : ''),
    element('td', {}, ...addresses(rendition)),
  );
}

/**
 * Bring the details under the player up to date.
 * @param {object} video
 */
export function showDetails(video) {
  const table = document.getElementById('renditions');
  table.hidden = !video.renditions.length;
  table.tBodies[0].replaceChildren(...video.renditions.map(row));
  if (video.duration_seconds) {
    document.querySelector('[data-detail="length"]').textContent = formatClock(video.duration_seconds);
  }
  if (video.width && video.height) {
    document.querySelector('[data-detail="resolution"]').textContent = `${video.width} × ${video.height}`;
    document.getElementById('stage').style.setProperty('--ratio', String(video.width / video.height));
  }
}
