import Hls from 'hls.js';

import { isOffered, listedRenditions, renditionOf, sourcesOf } from './deliveries.js';
import { endAfterLastSegment } from './last-segment.js';
import { coverWithStill } from './still.js';
import { countVariants } from './variants.js';

/** Plays one video by one delivery at a time, and carries position, pause and speed over each change of source. */
export class Playback {
  #video;
  #timing;
  #traffic;
  #loads = 0;
  #at = { position: 0, isPlaying: false };
  #resume = null;
  #uncover = () => {};

  /**
   * @param {HTMLElement} player a `<media-player>`
   * @param {object} video
   * @param {{timing: import('./frame-timing.js').FrameTiming, traffic: import('./traffic.js').Traffic}} measures
   */
  constructor(player, video, { timing, traffic }) {
    this.player = player;
    this.delivery = null;
    this.#video = video;
    this.#timing = timing;
    this.#traffic = traffic;
    player.addEventListener('provider-change', ({ detail }) => this.#onProvider(detail));
    player.addEventListener('sources-change', () => this.#keepQuality());
    player.addEventListener('source-change', ({ detail }) => this.#onSourceChange(detail));
    player.addEventListener('load-start', () => this.#listFiles());
    player.addEventListener('loaded-metadata', () => this.#goBack());
    player.addEventListener('can-play', () => this.#playOn());
    player.addEventListener('time-update', ({ detail }) => this.#remember({ position: detail.currentTime }));
    player.addEventListener('play', () => this.#remember({ isPlaying: true }));
    player.addEventListener('pause', () => this.#remember({ isPlaying: false }));
    player.addEventListener('started', () => player.classList.add('has-started'));
  }

  /** @param {object} video as it is by now; what plays goes on */
  update(video) {
    this.#video = video;
    if (this.delivery && this.delivery !== 'hls') this.#addFiles();
  }

  /** @returns {Promise<boolean>} whether the playlist has gained renditions since it was loaded */
  async hasFullerPlaylist() {
    const levels = this.#hls?.levels?.length ?? 0;
    if (!levels || listedRenditions(this.#video).length <= levels) return false;
    return (await countVariants(this.#video.hls_url)) > levels;
  }

  get #hls() {
    return this.player.provider?.type === 'hls' ? this.player.provider.instance : null;
  }

  /**
   * Play by this delivery, from where the video is.
   * @param {string} delivery
   * @param {{isPlaying?: boolean}} [wish] by default it plays on if it played
   */
  choose(delivery, wish = {}) {
    if (!isOffered(delivery, this.#video)) return;
    this.#resume = { ...this.#at, ...wish };
    this.delivery = delivery;
    this.#loads += 1;
    this.player.src = this.#sourcesLikeShownFirst();
  }

  // A fragment never leaves the browser, and makes an address that was loaded before a new source to Vidstack.
  #sources() {
    return sourcesOf(this.delivery, this.#video).map((source) => ({ ...source, src: `${source.src}#${this.#loads}` }));
  }

  // Vidstack loads the first that it can play: the file most like what was shown, or else the smallest.
  #sourcesLikeShownFirst() {
    const sources = this.#sources();
    const shown = this.player.state.quality?.height ?? Infinity;
    return [
      ...sources.splice(
        sources.findIndex(({ height = 0 }) => height <= shown),
        1,
      ),
      ...sources,
    ];
  }

  #addFiles() {
    const known = this.player.src;
    const added = this.#sources().filter(({ src }) => !known.some((source) => source.src === src));
    if (added.length) this.player.src = [...known, ...added];
  }

  // Vidstack forgets the qualities of the new files together with those of the old source, and reads the list again
  // only when it is set again.
  #listFiles() {
    if (this.delivery === 'hls' || this.player.qualities.length) return;
    this.player.src = [...this.player.src];
  }

  // For files Vidstack's "auto" goes by the size of the player, and would load another file on the way to fullscreen.
  #keepQuality() {
    if (this.delivery === 'hls') return;
    const { src } = this.player.state.source;
    const loaded = [...this.player.qualities].find((quality) => quality.src === src);
    if (loaded) loaded.selected = true;
  }

  #remember(news) {
    if (!this.#resume) Object.assign(this.#at, news);
  }

  #onProvider(provider) {
    if (!provider) return;
    this.#timing.attach(provider.video);
    this.#traffic.attach(provider.video);
    // Vidstack tells the length from what can be sought, and looks only on `progress`, but a playlist grows also while
    // nothing is fetched.
    provider.video.ondurationchange = ({ target }) => target.dispatchEvent(new Event('progress'));
    if (provider.type !== 'hls') return;
    provider.library = Hls;
    provider.onInstance(endAfterLastSegment);
    provider.config = {
      startPosition: this.#resume?.position ?? 0,
      liveDurationInfinity: false,
      capLevelToPlayerSize: true,
      // By default up to ten minutes are fetched ahead, of a video that may be left at any moment.
      maxMaxBufferLength: 30,
      backBufferLength: 60,
      // Subtitles are <track>s, the same for every delivery; from the playlist too they would be there twice.
      subtitleTrackController: undefined,
      subtitleStreamController: undefined,
      timelineController: undefined,
    };
  }

  // Also when a viewer chooses another quality of a file, which is another source.
  #onSourceChange({ src }) {
    if (!src) return;
    this.#resume ??= { ...this.#at };
    this.#uncover();
    this.#uncover = coverWithStill(this.player.querySelector('media-provider'));
    if (this.#hls) this.#hls.config.startPosition = this.#resume.position;
    this.#timing.begin();
    const bitRate = renditionOf(src, this.#video)?.bit_rate_bps ?? 0;
    this.#traffic.begin(this.delivery, bitRate / 8);
  }

  #goBack() {
    const { position = 0 } = this.#resume ?? {};
    if (position > 0 && this.player.provider.type === 'video') this.player.provider.video.currentTime = position;
  }

  async #playOn() {
    const resume = this.#resume;
    this.#resume = null;
    if (!resume?.isPlaying) return;
    try {
      await this.player.play();
    } catch {
      // The browser wants a gesture first; the play button is there.
    }
  }

  /** The new source shows a frame. */
  uncover() {
    this.#uncover();
    this.#uncover = () => {};
  }
}
