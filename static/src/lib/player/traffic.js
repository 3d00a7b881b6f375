// Requests and bytes of each delivery, as far as the player received them, from the network or the browser's cache.
//
// HLS is fetched by script: the browser's resource timeline lists each request with its size. What a <video> fetches is
// listed too, once a request has ended, but without a size where the player ended it early, as it mostly does with
// Range. There the bytes are told from how much of the file's time is buffered. (A service worker on the path could
// count them, but delayed each seek by a tenth of a second: it would measure itself.)
import { deliveryOf } from './deliveries.js';

const SAMPLE_EVENTS = ['progress', 'timeupdate', 'suspend', 'seeked'];

/** Counts for one video while the page lasts. */
export class Traffic {
  #videoId;
  #onTotal;
  #totals = {};
  #video = null;
  #next = null;
  #file = null;

  /**
   * @param {string} videoId
   * @param {(delivery: string, total: {requests: number, bytes: number, isEstimate: boolean}) => void} onTotal
   */
  constructor(videoId, onTotal) {
    this.#videoId = videoId;
    this.#onTotal = onTotal;
    const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => this.#onEntry(entry)));
    observer.observe({ type: 'resource', buffered: true });
  }

  /**
   * A source is handed over now.
   * @param {string} delivery
   * @param {number} bytesPerSecond of the file, on average; 0 for HLS, whose sizes are known
   */
  begin(delivery, bytesPerSecond) {
    this.#next = bytesPerSecond ? { delivery, bytesPerSecond, bytes: 0 } : null;
  }

  /** @param {HTMLVideoElement} video to listen to from now on */
  attach(video) {
    if (this.#video === video) return;
    this.#video = video;
    video.addEventListener('loadstart', () => {
      this.#file = this.#next;
    });
    for (const name of SAMPLE_EVENTS) video.addEventListener(name, () => this.#sample());
  }

  #onEntry({ name, encodedBodySize }) {
    const delivery = deliveryOf(name, this.#videoId);
    if (delivery) this.#add(delivery, { requests: 1, bytes: delivery === 'hls' ? encodedBodySize : 0 });
  }

  #sample() {
    if (!this.#file) return;
    const { buffered } = this.#video;
    let seconds = 0;
    for (let index = 0; index < buffered.length; index += 1) seconds += buffered.end(index) - buffered.start(index);
    const news = Math.round(seconds * this.#file.bytesPerSecond) - this.#file.bytes;
    if (news <= 0) return;
    this.#file.bytes += news;
    this.#add(this.#file.delivery, { requests: 0, bytes: news });
  }

  #add(delivery, { requests, bytes }) {
    const total = (this.#totals[delivery] ??= { requests: 0, bytes: 0, isEstimate: delivery !== 'hls' });
    total.requests += requests;
    total.bytes += bytes;
    this.#onTotal(delivery, total);
  }
}
