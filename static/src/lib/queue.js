// The lists of the queue page: each row stands in the one it belongs to, in the order in which the server would
// have put it.
import { stateOf } from './job-text.js';
import { QueueRow } from './queue-row.js';

/** All rows of the page. */
export class Queue {
  /** @type {Map<string, QueueRow>} by job id */
  #rows = new Map();

  /** @type {Set<string>} jobs that wait too far behind to be shown */
  #behind;

  #mostShown;

  /** @param {{jobs: object[], behind: string[], shown: number}} data what the page came with */
  constructor({ jobs, behind, shown }) {
    this.#behind = new Set(behind);
    this.#mostShown = shown;
    for (const job of jobs) {
      const row = new QueueRow(document.querySelector(`[data-job-id="${CSS.escape(job.id)}"]`));
      row.show(job);
      this.#rows.set(job.id, row);
    }
  }

  /** @returns {QueueRow[]} */
  get rows() {
    return [...this.#rows.values()];
  }

  /** @param {string} jobId @returns {QueueRow | undefined} */
  row(jobId) {
    return this.#rows.get(jobId);
  }

  /**
   * @param {object} job one that has no row
   * @returns {QueueRow | null} a new one; null where it waits too far behind
   */
  add(job) {
    if (stateOf(job) === 'waiting' && job.queue_position > this.#mostShown) {
      this.#behind.add(job.id);
      this.#tidy();
      return null;
    }
    this.#behind.delete(job.id);
    const row = QueueRow.for(job);
    this.#rows.set(job.id, row);
    this.show(row, job);
    return row;
  }

  /** @param {QueueRow} row @param {object} job its latest report */
  show(row, job) {
    const focused = row.root.contains(document.activeElement) ? document.activeElement : null;
    row.show(job);
    this.#place(row);
    this.#tidy();
    if (focused) row.focus(focused);
  }

  /** @param {QueueRow} row of a video that is gone */
  remove(row) {
    row.root.remove();
    this.#rows.delete(row.job.id);
    this.#tidy();
  }

  // Does nothing where the row stands right already.
  #place({ root, job }) {
    const list = sectionOf(job).querySelector('.queue');
    const others = [...list.children].filter((item) => item !== root);
    const next = others.find((item) => comesBefore(job, this.#rows.get(item.dataset.jobId).job)) ?? null;
    if (root.parentElement === list && root.nextElementSibling === next) return;
    list.insertBefore(root, next);
  }

  #tidy() {
    const more = document.getElementById('more-waiting');
    more.querySelector('[data-part="count"]').textContent = this.#behind.size;
    more.hidden = this.#behind.size === 0;
    for (const section of document.querySelectorAll('.queue-section')) {
      section.hidden = section.querySelector('.queue-row') === null;
    }
    document.getElementById('no-jobs').hidden = this.#rows.size > 0;
  }
}

function sectionOf(job) {
  return document.getElementById(stateOf(job));
}

// What began first; who is next; what came in last.
function comesBefore(job, other) {
  const state = stateOf(job);
  if (state === 'ended') return job.created_at > other.created_at;
  if (state === 'running') return job.started_at < other.started_at;
  if (state === 'receiving') return job.created_at < other.created_at;
  const [place, itsPlace] = [job, other].map((one) => one.queue_position ?? Infinity);
  return place === itsPlace ? job.created_at < other.created_at : place < itsPlace;
}
