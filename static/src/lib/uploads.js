// The rows of the upload page: what this tab sends a few at a time, what other tabs send, what the server fetches, and
// what was left unfinished.
import { getJob } from './api.js';
import { FileUpload } from './file-upload.js';
import { followJobs } from './job-events.js';
import { forget, hearOfOtherTabs, listRemembered, remember } from './upload-memory.js';
import { UploadRow } from './upload-row.js';

// A browser has six connections to a server for all tabs together, and pages and reports need some, too.
const AT_ONCE = 2;

/** All rows, the oldest first. */
export class Uploads {
  /** @type {UploadRow[]} */
  #rows = [];
  #list;
  #handlers;
  #stopFollowing = null;

  /**
   * @param {HTMLElement} list
   * @param {{onChange: () => void, onChoose: (row: UploadRow) => void}} handlers called when anything has changed, and
   *   when the file of a row is wanted again
   */
  constructor(list, handlers) {
    this.#list = list;
    this.#handlers = handlers;
    hearOfOtherTabs((entry) => this.#meet(entry));
  }

  /** @returns {UploadRow[]} those whose file this tab still has to send */
  get unsent() {
    return this.#rows.filter(({ upload }) => upload && !upload.isOver);
  }

  /** Show what was begun before this page was opened. */
  async recall() {
    for (const entry of listRemembered()) await this.#meet(entry);
  }

  /**
   * Send a file, as soon as it is its turn; what is unfinished of it goes on in the row that it has.
   * @param {File} file
   * @param {string} title empty: the server takes the file's name
   */
  send(file, title) {
    const upload = new FileUpload(file, title, () => this.#onUpload(upload));
    const row = this.#find(upload.id) ?? this.#add({ id: upload.id, title: title || file.name });
    if (row.upload && !row.upload.isOver) return;
    row.send(upload);
    this.#next();
  }

  /** @param {File} file @returns {boolean} whether this tab is sending it, or will */
  isSending(file) {
    const isIt = (other) => other.name === file.name && other.size === file.size;
    return this.unsent.some(({ upload }) => isIt(upload.file) && upload.file.lastModified === file.lastModified);
  }

  /** @param {object} job of an import that has just been asked for @param {string} title */
  addImport(job, title) {
    const entry = { id: job.id, title, begunAt: Date.now(), isLink: true, isWhole: false };
    remember(entry);
    this.#add(entry).hear(job);
    this.#follow();
  }

  #find(id) {
    return id ? this.#rows.find((row) => row.id === id) : undefined;
  }

  #add(entry) {
    const row = new UploadRow(entry, {
      onChange: () => this.#next(),
      onGone: (gone) => this.#drop(gone),
      onChoose: (wanted) => this.#handlers.onChoose(wanted),
    });
    this.#rows.push(row);
    this.#list.append(row.element);
    return row;
  }

  #drop(row) {
    this.#rows = this.#rows.filter((one) => one !== row);
    this.#next();
  }

  // What is remembered may long be over, or gone.
  async #meet(entry) {
    try {
      const job = await getJob(entry.id);
      if (this.#find(entry.id)) return;
      if (job.status === 'COMPLETE' || job.error?.code === 'cancelled') forget(entry.id);
      else {
        this.#add(entry).hear(job);
        this.#follow();
      }
    } catch (problem) {
      if (problem.status === 404) forget(entry.id);
    }
  }

  #onUpload(upload) {
    const row = this.#rows.find((one) => one.upload === upload);
    row?.showUpload();
    if (upload.id) this.#follow();
    if (row && upload.state === 'received') this.#catchUp(row);
    this.#next();
  }

  #next() {
    const waiting = this.#rows.find(({ upload }) => upload?.state === 'waiting');
    const active = this.#rows.filter(({ upload }) => upload?.isActive).length;
    if (waiting && active < AT_ONCE) waiting.upload.start();
    else this.#handlers.onChange();
  }

  // One stream for all rows: a stream each would use up the connections, and uploads would stand still.
  #follow() {
    this.#stopFollowing ??= followJobs(
      (job) => this.#find(job.id)?.hear(job),
      () => this.#rows.filter((row) => row.isOpen).forEach((row) => this.#catchUp(row)),
    );
  }

  async #catchUp(row) {
    try {
      row.hear(await getJob(row.id));
    } catch (problem) {
      // Of what was ended meanwhile nothing is left; this tab's own upload finds out by itself.
      if (problem.status === 404 && !row.upload) row.leave();
    }
  }
}
