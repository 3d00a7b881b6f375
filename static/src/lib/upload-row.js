// One file on the upload page: from waiting for its turn, through sending, to the end of its encoding.
import { formatBytes, formatPercent, formatTransferRate, formatWait } from './format.js';
import { JobView, setBar } from './job-view.js';
import { TransferRate } from './transfer-rate.js';
import { sendVideo } from './upload-request.js';
import { VideoFollower } from './video-follower.js';

/** States of a row: `waiting`, `sending`, `failed`, then `received`; `gone` once it was removed. */
export class UploadRow {
  #request = null;
  #follower = null;

  /**
   * @param {{file: File, title: string}} item
   * @param {{onChange: () => void, onProgress: (percent: number) => void}} handlers called when its state changed, and
   *   when more of the file was sent
   */
  constructor(item, { onChange, onProgress }) {
    this.item = item;
    this.onChange = onChange;
    this.onProgress = onProgress;
    this.state = 'waiting';
    this.jobView = null;
    this.element = document.getElementById('upload-template').content.firstElementChild.cloneNode(true);
    this.#part('title').textContent = item.title || item.file.name;
    this.#status('Waiting for its turn', formatBytes(item.file.size));
    this.#part('upload-cancel').addEventListener('click', () => this.cancel());
    this.#part('upload-retry').addEventListener('click', () => this.#enter('waiting'));
    this.#part('upload-dismiss').addEventListener('click', () => this.#leave());
  }

  #part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }

  #status(sentence, figures = '') {
    this.#part('upload-status').textContent = sentence;
    this.#part('upload-figures').textContent = figures;
  }

  #enter(state) {
    this.state = state;
    this.#part('upload-cancel').hidden = state === 'failed';
    this.#part('upload-retry').hidden = state !== 'failed';
    this.#part('upload-dismiss').hidden = state !== 'failed';
    if (state === 'waiting') this.#status('Waiting for its turn', formatBytes(this.item.file.size));
    if (state !== 'failed') this.#part('upload-problem').hidden = true;
    this.onChange();
  }

  #leave() {
    this.state = 'gone';
    this.element.remove();
    this.onChange();
  }

  /** Stop sending, or give up the place in line. */
  cancel() {
    if (this.#request) this.#request.cancel();
    else this.#leave();
  }

  /** Send the file; the row tells of all that comes of it. */
  async send() {
    const rate = new TransferRate();
    this.#request = sendVideo(this.item, (sent, total) => this.#showSent(sent, total, rate));
    this.#status('Uploading');
    this.#enter('sending');
    try {
      const { video, job } = await this.#request.done;
      this.#showReceived(video, job);
    } catch (problem) {
      if (problem.code === 'aborted') this.#leave();
      else this.#fail(problem);
    } finally {
      this.#request = null;
    }
  }

  #showSent(sent, total, rate) {
    rate.add(sent, performance.now());
    const percent = total ? (100 * sent) / total : 0;
    setBar(this.#part('upload-bar'), percent);
    this.onProgress(percent);
    const figures = [`${formatBytes(sent)} of ${formatBytes(total)}`, formatPercent(percent)];
    const speed = rate.bytesPerSecond;
    if (speed && sent < total) figures.push(formatTransferRate(speed), `${formatWait((total - sent) / speed)} left`);
    this.#status(sent < total ? 'Uploading' : 'Sent; the server is storing it', figures.join(' · '));
  }

  #fail(problem) {
    const line = this.#part('upload-problem');
    this.#status('Not uploaded', formatBytes(this.item.file.size));
    this.#enter('failed');
    line.textContent = problem.message;
    line.hidden = false;
    setBar(this.#part('upload-bar'), 0);
  }

  #showReceived(video, job) {
    this.#part('title').textContent = video.title;
    this.jobView = JobView.create();
    this.#part('upload').replaceWith(this.jobView.root);
    const watch = this.jobView.part('watch');
    watch.href = `/watch/${encodeURIComponent(video.id)}`;
    this.#follower = new VideoFollower(video, (latest) => {
      watch.hidden = !['playable', 'complete'].includes(latest?.status);
    });
    this.state = 'received';
    this.showJob(job);
    this.onChange();
  }

  /** @param {object} job a report of this row's job */
  showJob(job) {
    this.jobView.show(job);
    this.#follower.hear(job);
  }
}
