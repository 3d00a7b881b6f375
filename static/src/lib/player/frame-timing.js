// How long a viewer waits: for the first frame of a source, and for the first frame after a seek.

/** Shorter moves are the player's own, over a gap or after a change of quality. */
const SMALLEST_SEEK_SECONDS = 1;

/** Times one `<video>`. */
export class FrameTiming {
  #video;
  #frameRequest = 0;
  #startedAt = null;
  #soughtAt = null;
  #position = 0;
  #onFirstFrame;
  #onSeek;

  /**
   * @param {{onFirstFrame: (milliseconds: number) => void, onSeek: (milliseconds: number) => void}} handlers
   */
  constructor({ onFirstFrame, onSeek }) {
    this.#onFirstFrame = onFirstFrame;
    this.#onSeek = onSeek;
  }

  /** @param {HTMLVideoElement} video to listen to from now on */
  attach(video) {
    if (this.#video === video) return;
    this.#video = video;
    video.addEventListener('loadstart', () => this.#awaitFrame());
    video.addEventListener('timeupdate', () => {
      if (!video.seeking) this.#position = video.currentTime;
    });
    video.addEventListener('seeking', () => this.#onSeeking());
  }

  /** A source is handed over now. */
  begin() {
    this.#startedAt = performance.now();
    this.#soughtAt = null;
  }

  #onSeeking() {
    const isUsers = Math.abs(this.#video.currentTime - this.#position) >= SMALLEST_SEEK_SECONDS;
    // Going back to the old position in a new source belongs to its start.
    if (isUsers && this.#startedAt === null) this.#soughtAt = performance.now();
    this.#awaitFrame();
  }

  #awaitFrame() {
    const video = this.#video;
    if (video.requestVideoFrameCallback) {
      video.cancelVideoFrameCallback(this.#frameRequest);
      this.#frameRequest = video.requestVideoFrameCallback((now, { mediaTime }) => this.#onFrame(now, mediaTime));
    } else {
      video.addEventListener('canplay', () => this.#onFrame(performance.now(), video.currentTime), { once: true });
    }
  }

  #onFrame(now, mediaTime) {
    const { currentTime } = this.#video;
    if (Math.abs(mediaTime - currentTime) >= SMALLEST_SEEK_SECONDS) {
      // A frame from before the seek.
      this.#awaitFrame();
      return;
    }
    if (this.#startedAt !== null) this.#onFirstFrame(now - this.#startedAt);
    else if (this.#soughtAt !== null) this.#onSeek(now - this.#soughtAt);
    this.#startedAt = null;
    this.#soughtAt = null;
    this.#position = currentTime;
  }
}
