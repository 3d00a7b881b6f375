import { formatBytes, formatMilliseconds } from '../format.js';

/** The table of measurements on the watch page. */
export class Readout {
  /** @param {HTMLElement} table */
  constructor(table) {
    this.table = table;
  }

  #show(delivery, cell, text) {
    this.table.querySelector(`[data-readout="${delivery}"][data-cell="${cell}"]`).textContent = text;
  }

  /** @param {string} delivery the one in use */
  highlight(delivery) {
    for (const cell of this.table.querySelectorAll('[data-readout]')) {
      cell.classList.toggle('is-current', cell.dataset.readout === delivery);
    }
  }

  /**
   * @param {string} delivery
   * @param {{requests: number, bytes: number, isEstimate: boolean}} total since the page was opened
   */
  traffic(delivery, { requests, bytes, isEstimate }) {
    this.#show(delivery, 'requests', String(requests));
    this.#show(delivery, 'bytes', `${isEstimate ? '≈ ' : ''}${formatBytes(bytes)}`);
  }

  /** @param {string} delivery @param {number} milliseconds */
  firstFrame(delivery, milliseconds) {
    this.#show(delivery, 'first-frame', formatMilliseconds(milliseconds));
  }

  /** @param {string} delivery @param {number} milliseconds */
  seek(delivery, milliseconds) {
    this.#show(delivery, 'seek', formatMilliseconds(milliseconds));
  }
}
