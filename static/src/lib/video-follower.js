import { getVideo } from './api.js';

const PATIENCE_MILLISECONDS = 1000;

/** Keeps a Video current by the reports of its job, and asks for it only when it may have changed. */
export class VideoFollower {
  #milestone = '';
  #askedAt = -Infinity;
  #asking = false;
  #askAgain = false;

  /**
   * @param {{id: string, status: string, renditions: object[]}} video as it is known now
   * @param {(video: object | null) => void} onVideo called with what the server says; null when the video is gone
   */
  constructor(video, onVideo) {
    this.video = video;
    this.onVideo = onVideo;
  }

  /** @param {object} job its latest report */
  hear(job) {
    const milestone = `${job.status} ${job.stage} ${job.renditions.map(({ percent }) => percent >= 100)}`;
    const isDue = this.#isAwaited(job) && performance.now() - this.#askedAt > PATIENCE_MILLISECONDS;
    if (milestone === this.#milestone && !isDue) return;
    this.#milestone = milestone;
    this.refresh();
  }

  /** Ask the server. */
  async refresh() {
    this.#askAgain = this.#asking;
    if (this.#asking) return;
    this.#asking = true;
    this.#askedAt = performance.now();
    try {
      this.video = await getVideo(this.video.id);
      this.onVideo(this.video);
    } catch (problem) {
      if (problem.status === 404) this.onVideo(null);
    } finally {
      this.#asking = false;
    }
    if (this.#askAgain) this.refresh();
  }

  // A rendition joins with its first fragments, which no report of the job tells of.
  #isAwaited(job) {
    const nothingYet = this.video.status === 'processing' && job.status === 'RUNNING';
    return nothingYet || this.video.renditions.length < job.renditions.length;
  }
}
