// One file on its way to the server by tus (https://tus.io/protocols), which goes on wherever it was interrupted.
import { Upload } from 'tus-js-client';

import { Problem, endJob, getJob, readProblem } from './api.js';
import { TransferRate } from './transfer-rate.js';
import { findUnfinished, fingerprintOf, forget, remember, rememberWhole } from './upload-memory.js';

const ENDPOINT = '/api/uploads';
// Soon at first; then often enough that a server which is back is not waited for, for about a quarter of an hour.
const RETRY_DELAYS_MILLISECONDS = [500, 1000, 2000, 4000, 8000, ...Array(90).fill(10_000)];
const STALL_MILLISECONDS = 30_000;
const LOOK_MILLISECONDS = 5000;
const SHOW_MILLISECONDS = 200;
// Timeout, Conflict, Locked, Too Early, Too Many Requests: it may be otherwise next time.
const PASSING = [408, 409, 423, 425, 429];
// Forbidden, Not Found, Gone: what was begun once cannot be gone on with.
const LOST = [403, 404, 410];
const UNAUTHORIZED = 401;

/**
 * States: `waiting` for its turn, `sending`, `checking` (all is sent), `retrying`, `paused`; in the end `received`,
 * `failed`, or `cancelled`.
 */
export class FileUpload {
  #upload;
  #onChange;
  #rate = new TransferRate();
  #movedAt = 0;
  #shownAt = 0;
  #watch = null;
  #isKnownHere = false;

  /**
   * @param {File} file
   * @param {string} title empty: the server takes the file's name
   * @param {(upload: FileUpload) => void} onChange called when anything about it has changed
   */
  constructor(file, title, onChange) {
    this.file = file;
    this.title = title;
    this.state = 'waiting';
    this.sentBytes = 0;
    /** Whether the server will have no more of it, so that to try again is of no use. */
    this.isRefused = false;
    /** @type {Problem | null} why it does not go on */
    this.problem = null;
    /** @type {number | null} when that is tried again */
    this.retryMilliseconds = null;
    this.#onChange = onChange;
    this.#upload = new Upload(file, this.#options());
    const known = findUnfinished(file);
    if (known) this.#upload.resumeFromPreviousUpload({ uploadUrl: known.url, urlStorageKey: known.id });
  }

  /** @returns {string | null} the id of the upload, and of the job that it becomes; null before it is begun */
  get id() {
    return this.#upload.url ? idOf(this.#upload.url) : null;
  }

  /** @returns {boolean} whether it takes one of the places for what is being sent */
  get isActive() {
    return ['sending', 'checking', 'retrying'].includes(this.state);
  }

  /** @returns {boolean} whether nothing more will come of it by itself */
  get isOver() {
    return ['received', 'failed', 'cancelled'].includes(this.state);
  }

  /** @returns {number | null} */
  get bytesPerSecond() {
    return this.state === 'sending' ? this.#rate.bytesPerSecond : null;
  }

  /** Send, from where it stopped if it was begun before. */
  start() {
    this.#measureAnew();
    this.#watch ??= setInterval(() => this.#look(), LOOK_MILLISECONDS);
    window.addEventListener('online', this.#goOn);
    this.#enter('sending');
    this.#upload.start();
  }

  /** Stop for the present; `start` goes on. */
  pause() {
    this.#halt();
    this.#enter('paused');
  }

  /** Wait for a place among those that are sent. */
  queue() {
    this.#halt();
    this.#enter('waiting');
  }

  /** Try at once what was to be tried later. */
  hurry() {
    if (this.state === 'retrying') this.#restart();
  }

  /** Give it up, here and at the server; fails with a Problem where the server cannot be told. */
  async cancel() {
    const { id, isOver } = this;
    if (!isOver) this.pause();
    if (id) await endJob(id);
    this.#end('cancelled');
  }

  /** Nothing is to be sent any more: everything is there, by whatever way this was learned. */
  finish() {
    if (this.id) rememberWhole(this.id);
    this.#end('received');
  }

  /** @param {{code: string, message: string}} error why the server will have no more of it */
  refuse({ code, message }) {
    if (code === 'cancelled') this.#end('cancelled');
    else {
      this.isRefused = true;
      this.#end('failed', new Problem(message, { code }));
    }
  }

  #options() {
    return {
      endpoint: new URL(ENDPOINT, window.location).href,
      metadata: { filename: this.file.name, filetype: this.file.type, ...(this.title && { title: this.title }) },
      retryDelays: RETRY_DELAYS_MILLISECONDS,
      fingerprint: async (file) => fingerprintOf(file),
      urlStorage: this.#storage(),
      onUploadUrlAvailable: () => this.#begun(),
      onProgress: (sentBytes) => this.#moved(sentBytes),
      onShouldRetry: (error, attempt) => this.#shouldRetry(error, attempt),
      onSuccess: () => this.finish(),
      onError: (error) => this.#stopped(error),
    };
  }

  // What the client asks of a place to keep addresses in. It would forget one for an answer such as 401.
  #storage() {
    return {
      addUpload: async (fingerprint, { uploadUrl }) => {
        const { file, title } = this;
        const about = { title: title || file.name, fileName: file.name, sizeBytes: file.size, fingerprint };
        const id = idOf(uploadUrl);
        remember({ id, url: uploadUrl, begunAt: Date.now(), isLink: false, isWhole: false, ...about });
        return id;
      },
      removeUpload: async () => {},
      findAllUploads: async () => [],
      findUploadsByFingerprint: async () => [],
    };
  }

  #begun() {
    this.#isKnownHere = true;
    // With it the client would begin from scratch where the server is only away.
    this.#upload.options.endpoint = null;
    this.#measureAnew();
    this.#enter('sending');
  }

  #moved(sentBytes) {
    const now = performance.now();
    this.sentBytes = sentBytes;
    this.#movedAt = now;
    this.#rate.add(sentBytes, now);
    const state = sentBytes < this.file.size ? 'sending' : 'checking';
    if (!this.isActive || (state === this.state && now - this.#shownAt < SHOW_MILLISECONDS)) return;
    this.#shownAt = now;
    this.#enter(state);
  }

  #shouldRetry(error, attempt) {
    const status = error.originalResponse?.getStatus() ?? 0;
    if (status >= 400 && status < 500 && !PASSING.includes(status)) return false;
    this.problem = problemOf(error);
    this.retryMilliseconds = RETRY_DELAYS_MILLISECONDS[attempt] ?? 0;
    this.#enter('retrying');
    if (!status) this.#checkFile();
    return true;
  }

  // A browser does not tell a lost connection from a file that it may not read any more.
  async #checkFile() {
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      this.#stop(new Problem(`${this.file.name} was changed or moved on this device; please choose it again.`));
    }
  }

  async #stopped(error) {
    const problem = problemOf(error);
    if (LOST.includes(problem.status) && this.id) await this.#learnWhy(problem);
    else if (problem.status >= 400 && problem.status < 500 && problem.status !== UNAUTHORIZED) this.refuse(problem);
    else this.#stop(problem);
  }

  async #learnWhy(problem) {
    if (!this.#isKnownHere) {
      // Remembered from before, and expired meanwhile.
      this.#forget();
      this.start();
      return;
    }
    try {
      const { error } = await getJob(this.id);
      this.refuse(error ?? problem);
    } catch (failure) {
      if (failure.status === 404) this.refuse({ code: 'cancelled', message: '' });
      else this.#stop(problem);
    }
  }

  // A connection can be gone without anybody being told.
  #look() {
    const isStill = performance.now() - this.#movedAt > STALL_MILLISECONDS;
    if (this.state === 'sending' && isStill) this.#restart();
  }

  #goOn = () => this.hurry();

  async #restart() {
    await this.#upload.abort();
    this.start();
  }

  #halt() {
    this.#upload.abort();
    clearInterval(this.#watch);
    this.#watch = null;
    window.removeEventListener('online', this.#goOn);
  }

  // What the server has stays there, and is gone on with when it is tried again.
  #stop(problem) {
    this.#halt();
    this.#enter('failed', problem);
  }

  #end(state, problem = null) {
    this.#halt();
    if (state !== 'received') this.#forget();
    this.#enter(state, problem);
  }

  #forget() {
    if (this.id) forget(this.id);
    this.#isKnownHere = false;
    this.sentBytes = 0;
    this.#upload = new Upload(this.file, this.#options());
  }

  #measureAnew() {
    this.#rate = new TransferRate();
    this.#movedAt = performance.now();
  }

  #enter(state, problem = state === 'retrying' ? this.problem : null) {
    this.state = state;
    this.problem = problem;
    this.#onChange(this);
  }
}

function idOf(url) {
  return new URL(url, window.location).pathname.split('/').at(-1);
}

function problemOf(error) {
  const response = error.originalResponse;
  if (!response) return new Problem('The server cannot be reached.');
  return readProblem(response.getStatus(), response.getBody(), response.getHeader('Retry-After'));
}
