import { DELIVERIES, isOffered } from './deliveries.js';

const NOT_YET =
  'Range and ResourceRegion need a finished file: they can be chosen as soon as the first rendition is complete.';

/** The switch between the deliveries, and what there is to say about the one in use. */
export class DeliveryPanel {
  /**
   * @param {HTMLElement} root
   * @param {(delivery: string) => void} onChoose
   */
  constructor(root, onChoose) {
    this.root = root;
    this.buttons = [...root.querySelectorAll('[data-delivery]')];
    for (const button of this.buttons) {
      button.addEventListener('click', () => onChoose(button.dataset.delivery));
    }
  }

  /**
   * @param {object} video
   * @param {string} current the delivery in use
   */
  show(video, current) {
    this.root.hidden = false;
    for (const button of this.buttons) {
      const { delivery } = button.dataset;
      button.disabled = !isOffered(delivery, video);
      button.setAttribute('aria-pressed', String(delivery === current));
    }
    const note = isOffered('range', video) ? DELIVERIES[current].note : NOT_YET;
    const line = this.root.querySelector('#delivery-note');
    if (line.textContent !== note) line.textContent = note;
  }
}
