// One video on the upload page: from waiting for its turn, through its way to the server, to the end of its encoding.
import { endJob, retryJob } from './api.js';
import { isReceiving, isTerminal } from './job-events.js';
import { JobView, setBar } from './job-view.js';
import { describeReceiving, describeUpload } from './upload-text.js';
import { forget, remember } from './upload-memory.js';
import { VideoFollower } from './video-follower.js';

const OFFERS = ['pause', 'resume', 'hurry', 'choose', 'cancel', 'retry', 'dismiss'];

/** What is known of it comes from this tab's own upload, from the reports of its job, or from both. */
export class UploadRow {
  #follower = null;
  #handlers;

  /**
   * @param {import('./upload-memory.js').Remembered} entry
   * @param {{onChange: () => void, onGone: (row: UploadRow) => void, onChoose: (row: UploadRow) => void}} handlers
   *   called when its state changed, when it was removed, and when its file is wanted again
   */
  constructor(entry, handlers) {
    this.entry = entry;
    this.#handlers = handlers;
    /** @type {import('./file-upload.js').FileUpload | null} */
    this.upload = null;
    this.job = null;
    this.jobView = null;
    this.element = document.getElementById('upload-template').content.firstElementChild.cloneNode(true);
    for (const offer of OFFERS) this.#part(`upload-${offer}`).addEventListener('click', () => this.#do(offer));
    this.#showTitle(entry.title);
  }

  /** @returns {string | null} of the upload and of its job; null while it is not begun */
  get id() {
    return this.upload?.id ?? this.entry.id;
  }

  /** @returns {boolean} whether reports may still change it */
  get isOpen() {
    return this.id !== null && !(this.job && isTerminal(this.job));
  }

  /** @param {import('./file-upload.js').FileUpload} upload by which this tab now sends it */
  send(upload) {
    this.upload = upload;
    this.showUpload();
  }

  /** Show how this tab's upload stands. */
  showUpload() {
    const { upload } = this;
    if (upload.id && upload.id !== this.entry.id) {
      this.entry.id = upload.id;
      this.job = null;
    }
    if (!this.jobView) this.#show(describeUpload(upload));
  }

  /** @param {object} job its latest report */
  hear(job) {
    if (this.job && job.sequence < this.job.sequence) return;
    this.job = job;
    if (this.upload && !this.#hearBeside(job)) return;
    if (job.received_bytes === null) this.#showJob(job);
    else this.#show(describeReceiving(job, this.entry));
  }

  /** @param {string} sentence why that could not be done */
  complain(sentence) {
    this.#write('upload-problem', sentence);
  }

  /** Be gone from the page, and from what is remembered. */
  leave() {
    forget(this.entry.id);
    this.element.remove();
    this.#handlers.onGone(this);
  }

  // What this tab sends it knows best itself, but for what was decided elsewhere.
  #hearBeside(job) {
    const { upload } = this;
    if (upload.isOver) return upload.state === 'received';
    if (isReceiving(job) || (upload.isActive && job.received_bytes === null)) return false;
    if (job.received_bytes === null) upload.finish();
    else upload.refuse(job.error);
    return job.received_bytes === null;
  }

  #part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }

  #showTitle(title) {
    this.#part('title').textContent = title;
    for (const offer of OFFERS) {
      const button = this.#part(`upload-${offer}`);
      button?.setAttribute('aria-label', `${button.textContent}: ${title}`);
    }
  }

  /** @param {import('./upload-text.js').Shown} shown */
  #show({ status, facts, percent, hint = '', problem = '', offers }) {
    const actions = this.#part('upload-actions');
    const focused = actions.contains(document.activeElement) ? document.activeElement : null;
    this.#write('upload-status', status);
    this.#part('upload-figures').textContent = facts.join(' · ');
    setBar(this.#part('upload-bar'), percent);
    this.#write('upload-hint', hint);
    this.#write('upload-problem', problem);
    for (const offer of OFFERS) this.#part(`upload-${offer}`).hidden = !offers.includes(offer);
    this.element.dataset.isOver = String(offers.includes('dismiss'));
    this.element.dataset.isFailed = String(Boolean(problem));
    if (focused?.hidden) this.#focusOn(actions);
  }

  // Writing the same words again might have them read out again.
  #write(name, words) {
    const part = this.#part(name);
    if (part.textContent !== words) part.textContent = words;
    part.hidden = !words;
  }

  #focusOn(actions) {
    actions.querySelector('button:not([hidden]), a:not([hidden])')?.focus();
  }

  async #do(offer) {
    const { upload } = this;
    if (offer === 'choose') this.#handlers.onChoose(this);
    else if (offer === 'pause') upload.pause();
    else if (offer === 'hurry') upload.hurry();
    else if (offer === 'cancel' || offer === 'dismiss') await this.#remove(offer === 'cancel');
    else if (upload) upload.queue();
    else await this.#ask(() => retryJob(this.id));
    this.#handlers.onChange();
  }

  async #remove(isCancel) {
    if (this.upload) await this.#ask(() => this.upload.cancel(), true);
    else if (isCancel) await this.#ask(() => endJob(this.id), true);
    else this.leave();
  }

  async #ask(action, isLast = false) {
    try {
      await action();
      if (isLast) this.leave();
    } catch (problem) {
      this.complain(problem.message);
    }
  }

  #showJob(job) {
    if (!this.jobView) this.#beginJob(job);
    this.jobView.show(job);
    this.#follower.hear(job);
    if (isTerminal(job)) forget(job.id);
  }

  #beginJob(job) {
    const hadFocus = this.element.contains(document.activeElement);
    this.jobView = JobView.create();
    this.#part('upload').replaceWith(this.jobView.root);
    const watch = this.jobView.part('watch');
    watch.href = `/watch/${encodeURIComponent(job.video_id)}`;
    this.#follower = new VideoFollower({ id: job.video_id, status: 'processing', renditions: [] }, (video) => {
      if (video) this.#showTitle(video.title);
      watch.hidden = !['playable', 'complete'].includes(video?.status);
    });
    remember({ ...this.entry, id: job.id, isWhole: true });
    if (hadFocus) this.#focusOn(this.jobView.root);
  }
}
