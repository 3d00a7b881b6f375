import { announce } from '../announce.js';
import { buildPlayer, refreshPlayer } from './build.js';
import { DeliveryPanel } from './delivery-panel.js';
import { isOffered } from './deliveries.js';
import { FrameTiming } from './frame-timing.js';
import { Playback } from './playback.js';
import { describePlaybackProblem } from './problem-text.js';
import { Readout } from './readout.js';
import { Traffic } from './traffic.js';

const PATIENCE_MILLISECONDS = 2000;

const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

/** The player with all that belongs to it: the switch, the read-out, and the notices under the picture. */
export class Stage {
  #video;
  #hasMore = false;
  #lookedAt = -Infinity;
  #problem = document.getElementById('playback-problem');
  #fuller = document.getElementById('fuller');

  /** @param {object} video of which something can be watched */
  constructor(video) {
    this.#video = video;
    this.player = buildPlayer(video);
    this.readout = new Readout(document.querySelector('.readout'));
    this.panel = new DeliveryPanel(document.getElementById('delivery-panel'), (delivery) => this.#choose(delivery));
    const timing = new FrameTiming({
      onFirstFrame: (milliseconds) => {
        this.playback.uncover();
        this.readout.firstFrame(this.playback.delivery, milliseconds);
      },
      onSeek: (milliseconds) => this.readout.seek(this.playback.delivery, milliseconds),
    });
    const traffic = new Traffic(video.id, (delivery, total) => this.readout.traffic(delivery, total));
    this.playback = new Playback(this.player, video, { timing, traffic });
    this.#listen();
    document.getElementById('stage').append(this.player);
  }

  /**
   * Begin with the delivery that suits best.
   * @param {{isPlaying: boolean}} wish whether to play at once
   */
  start(wish) {
    this.#choose(isOffered('hls', this.#video) ? 'hls' : 'range', wish);
  }

  /** @param {object} video as it is by now */
  update(video) {
    this.#video = video;
    this.playback.update(video);
    refreshPlayer(this.player, video);
    this.panel.show(video, this.playback.delivery);
    // No further report of the job will have it looked for.
    if (video.status === 'complete') this.#lookedAt = -Infinity;
    this.lookForMore();
  }

  /** See whether the video can be had in more qualities than it is played in; to be called as its job goes on. */
  async lookForMore() {
    if (performance.now() - this.#lookedAt < PATIENCE_MILLISECONDS) return;
    this.#lookedAt = performance.now();
    if (this.#hasMore || !(await this.playback.hasFullerPlaylist()) || this.playback.delivery !== 'hls') return;
    this.#hasMore = true;
    const { paused, waiting } = this.player.state;
    if (paused || waiting) this.#useMore();
    else this.#offerMore();
  }

  /** Take the player away. */
  remove() {
    this.player.remove();
    this.panel.root.hidden = true;
    this.#fuller.hidden = true;
    this.#problem.hidden = true;
  }

  #choose(delivery, wish) {
    this.#problem.hidden = true;
    this.#fuller.hidden = true;
    this.#hasMore = false;
    this.playback.choose(delivery, wish);
    this.panel.show(this.#video, this.playback.delivery);
    this.readout.highlight(this.playback.delivery);
  }

  #listen() {
    this.player.addEventListener('error', ({ detail }) => this.#showProblem(detail));
    // A file that cannot be loaded fails at the <source> that Vidstack made, and Vidstack does not hear of it.
    const onSourceError = ({ target }) => {
      if (target instanceof HTMLSourceElement && this.playback.delivery !== 'hls') this.#showProblem({ code: 4 });
    };
    this.player.addEventListener('error', onSourceError, { capture: true });
    part(this.#problem, 'again').onclick = () => this.#choose(this.playback.delivery);
    part(this.#fuller, 'now').onclick = () => this.#useMore();
    for (const lull of ['pause', 'ended', 'waiting']) {
      this.player.addEventListener(lull, () => this.#useMore());
    }
  }

  #showProblem(error) {
    part(this.#problem, 'sentence').textContent = describePlaybackProblem(error);
    this.#problem.hidden = false;
  }

  // A new playlist means a short halt, so it waits for one; a viewer who does not want to wait can ask for it.
  #offerMore() {
    const sentence = 'More qualities of this video are ready.';
    part(this.#fuller, 'sentence').textContent = sentence;
    this.#fuller.hidden = false;
    announce(sentence);
  }

  #useMore() {
    if (this.#hasMore) this.#choose(this.playback.delivery);
  }
}
