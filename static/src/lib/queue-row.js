// A job on the queue page: a `JobView` with a title, a picture and times. The markup is `_queue_row.html`.
import { announce } from './announce.js';
import { element } from './elements.js';
import { describeProblem, describeStatus, describeTook, listProgress, stateOf } from './job-text.js';
import { JobView } from './job-view.js';
import { isTerminal } from './job-events.js';

const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** Keeps one row in step with one job. */
export class QueueRow extends JobView {
  #title = '';
  /** When its video was asked for last, in milliseconds. */
  describedAt = 0;

  /** @param {HTMLElement} root a `.queue-row` */
  constructor(root) {
    super(root);
    this.#title = this.part('title').textContent;
  }

  /**
   * @param {object} job
   * @returns {QueueRow} a new one, from the page's template, without a title yet
   */
  static for(job) {
    const template = document.getElementById('row-template');
    const row = new QueueRow(template.content.firstElementChild.cloneNode(true));
    row.describe({ title: 'New video', poster_url: null });
    return row;
  }

  /** All rows share one template for their renditions. */
  part(name) {
    return name === 'rendition-template' ? document.getElementById(name) : super.part(name);
  }

  /** @returns {boolean} whether its video has a picture by now */
  get hasPicture() {
    return this.part('thumb').childElementCount > 0;
  }

  /** @param {{title: string, poster_url: string | null}} video what stands for it */
  describe({ title, poster_url: poster }) {
    this.#title = title;
    this.part('title').textContent = title;
    this.part('cancel').setAttribute('aria-label', `Cancel ${title}`);
    this.part('retry').setAttribute('aria-label', `Try again: ${title}`);
    this.part('bar').setAttribute('aria-label', `${title}, all in all`);
    if (poster && !this.hasPicture) {
      this.part('thumb').append(element('img', { src: poster, alt: '', decoding: 'async' }));
    }
  }

  /** @param {object} job its latest report */
  show(job) {
    const before = this.job;
    super.show(job);
    if (this.job !== job) return;
    this.root.dataset.state = stateOf(job);
    this.#linkTo(job);
    this.#showFacts(listProgress(job));
    this.#showWhen(job);
    if (before && isTerminal(job) && !isTerminal(before)) this.#announceEnd(job);
  }

  /**
   * Take the focus back, which an element loses that is moved, hidden or disabled.
   * @param {HTMLElement} focused what had it in this row
   */
  focus(focused) {
    const others = [...this.root.querySelectorAll('button'), this.part('title')];
    [focused, ...others].find((one) => !one.hidden && !one.disabled).focus();
  }

  // What has not become a video has no page.
  #linkTo(job) {
    for (const part of [this.part('title'), this.part('thumb')]) {
      if (job.received_bytes === null) part.href = `/watch/${encodeURIComponent(job.video_id)}`;
      else part.removeAttribute('href');
    }
  }

  #showFacts(facts) {
    this.part('figures').replaceChildren(...facts.map((fact) => element('span', {}, fact)));
  }

  #showWhen(job) {
    const parts = [];
    if (job.finished_at) {
      const took = describeTook(job);
      parts.push(moment(job.finished_at), took ? `, ${took}` : '');
    } else if (job.retry_at && !job.queue_position) parts.push('next attempt ', moment(job.retry_at));
    this.part('when').replaceChildren(...parts);
  }

  // The one thing that is read out; a row for each percent would be too much to hear.
  #announceEnd(job) {
    announce(`${this.#title}: ${describeStatus(job)}. ${describeProblem(job)}`);
  }
}

function moment(text) {
  return element('time', { dateTime: text }, MOMENT.format(new Date(text)));
}
