// A job on a page: its state, bars, error and buttons. The markup is `_job.html`, here and on the server.
import { cancelJob, retryJob } from './api.js';
import { formatPercent } from './format.js';
import { canRetry, describeProblem, describeProgress, describeStatus, stateOf } from './job-text.js';
import { isTerminal } from './job-events.js';

/**
 * Set a `<progress>`; tests and older assistive technology read the attribute.
 * @param {HTMLProgressElement} bar
 * @param {number} percent 0 to 100
 */
export function setBar(bar, percent) {
  bar.value = percent;
  bar.setAttribute('aria-valuenow', String(Math.floor(percent)));
}

/** Keeps one element in step with one job. */
export class JobView {
  /** @param {HTMLElement} root an element with the parts of `_job.html` */
  constructor(root) {
    this.root = root;
    this.job = null;
    this.part('cancel').addEventListener('click', () => this.#ask(cancelJob));
    this.part('retry').addEventListener('click', () => this.#ask(retryJob));
  }

  /**
   * @returns {JobView} a new one, from the page's template
   */
  static create() {
    const template = document.getElementById('job-template');
    return new JobView(template.content.firstElementChild.cloneNode(true));
  }

  /** @param {string} name of a `data-part` @returns {HTMLElement} */
  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  /**
   * @param {object} job its latest report
   */
  show(job) {
    if (this.job && job.sequence < this.job.sequence) return;
    this.job = job;
    this.root.dataset.jobId = job.id;
    this.root.dataset.status = job.status;
    this.#showStatus(describeStatus(job));
    this.part('figures').textContent = describeProgress(job);
    this.part('attempt').textContent = job.attempt > 1 ? `Attempt ${job.attempt}` : '';
    setBar(this.part('bar'), job.percent);
    this.#showRenditions(job);
    this.showProblem(describeProblem(job));
    this.part('cancel').hidden = isTerminal(job);
    this.part('retry').hidden = !canRetry(job);
  }

  /** @param {string} sentence empty: there is none */
  showProblem(sentence) {
    const problem = this.part('problem');
    problem.textContent = sentence;
    problem.hidden = !sentence;
  }

  // It is a live region: writing the same words again might have them read out again.
  #showStatus(words) {
    const status = this.part('status');
    if (status.textContent !== words) status.textContent = words;
  }

  #showRenditions(job) {
    const list = this.part('renditions');
    const shown = stateOf(job) === 'running' ? job.renditions : [];
    while (list.children.length > shown.length) list.lastElementChild.remove();
    while (list.children.length < shown.length) {
      list.append(this.part('rendition-template').content.firstElementChild.cloneNode(true));
    }
    shown.forEach(({ name, percent }, index) => {
      const item = list.children[index];
      item.querySelector('[data-part="name"]').textContent = name;
      item.querySelector('[data-part="percent"]').textContent = formatPercent(percent);
      const bar = item.querySelector('progress');
      bar.setAttribute('aria-label', name);
      setBar(bar, percent);
    });
  }

  async #ask(action) {
    const buttons = [...this.root.querySelectorAll('button')];
    const hadFocus = buttons.includes(document.activeElement);
    for (const button of buttons) button.disabled = true;
    try {
      await action(this.job.id);
      this.root.dispatchEvent(new CustomEvent('job-asked', { bubbles: true, detail: this.job.id }));
    } catch (problem) {
      this.showProblem(problem.message);
    } finally {
      for (const button of buttons) button.disabled = false;
      // A button that is disabled, if only for a moment, loses it: to nobody, or to what was not disabled in its row.
      const focused = document.activeElement;
      const isLost = focused === document.body || (this.root.contains(focused) && !buttons.includes(focused));
      if (hadFocus && isLost) buttons.find((button) => !button.hidden)?.focus();
    }
  }
}
