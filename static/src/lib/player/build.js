import 'vidstack/player';
import 'vidstack/player/layouts/default';
import 'vidstack/player/ui';

import { element } from '../elements.js';
import { keepJumpButtons } from './jump-buttons.js';
import { ViewerSettings } from './viewer-settings.js';

/**
 * Make a player without a source.
 * @param {object} video
 * @returns {HTMLElement} a `<media-player>` with Vidstack's default layout
 */
export function buildPlayer(video) {
  const provider = element('media-provider');
  if (video.poster_url) {
    provider.append(element('media-poster', { class: 'vds-poster', src: video.poster_url, alt: '' }));
  }
  const layout = element('media-video-layout', {
    colorScheme: 'dark',
    playbackRates: { min: 0.25, max: 2, step: 0.25 },
    seekStep: 10,
    noAudioGain: true,
  });
  const player = element(
    'media-player',
    {
      // A playlist that still grows would be taken for a live stream, which cannot be sought.
      streamType: 'on-demand',
      load: 'eager',
      playsInline: true,
      viewType: 'video',
      storage: new ViewerSettings(),
    },
    provider,
    layout,
  );
  keepJumpButtons(layout);
  refreshPlayer(player, video);
  return player;
}

/**
 * Show what a video has gained since the player was made; what plays goes on.
 * @param {HTMLElement} player
 * @param {object} video
 */
export function refreshPlayer(player, video) {
  player.title = video.title;
  // Whole, since Vidstack takes what a storyboard names for relative to the page otherwise.
  const storyboard = video.storyboard_url && new URL(video.storyboard_url, window.location.href).href;
  player.querySelector('media-video-layout').thumbnails = storyboard;
  const provider = player.querySelector('media-provider');
  const poster = provider.querySelector('media-poster');
  if (poster) poster.src = video.poster_url;
  for (const { url, language, label } of video.subtitles) {
    addTrack(provider, { kind: 'subtitles', src: url, srclang: language, label });
  }
  // The scrubber shows chapters, and the menu lists them, once a track of them is on.
  if (video.chapters_url) addTrack(provider, { kind: 'chapters', src: video.chapters_url, default: true });
}

function addTrack(provider, attributes) {
  if (provider.querySelector(`track[src="${CSS.escape(attributes.src)}"]`)) return;
  provider.append(element('track', attributes));
}
