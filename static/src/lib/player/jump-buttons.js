// Ten seconds back and forward, beside the layout's play button. Vidstack's layout for custom elements has no place
// to put further buttons and draws itself anew when its size changes, so they are put back whenever they are missing.
import { element } from '../elements.js';

const SECONDS = 10;
const ARROW = 'M12 5V2L7 6.5 12 11V8a5.5 5.5 0 1 1-5.5 5.5h-2.4A7.9 7.9 0 1 0 12 5z';

function jumpButton(seconds) {
  const label = seconds < 0 ? `Back ${-seconds} seconds` : `Forward ${seconds} seconds`;
  const mirror = seconds < 0 ? '' : ' transform="matrix(-1 0 0 1 24 0)"';
  return element('media-seek-button', {
    class: 'vds-button jump-button',
    seconds,
    'aria-label': label,
    'data-testid': seconds < 0 ? 'jump-back' : 'jump-forward',
    innerHTML: `<svg class="vds-icon" viewBox="0 0 24 24" aria-hidden="true" fill="currentColor"><path d="${ARROW}"${mirror}/><text x="12" y="16.4" font-size="7.5" font-weight="700" text-anchor="middle">${SECONDS}</text></svg>`,
  });
}

/**
 * @param {HTMLElement} layout a `<media-video-layout>`
 */
export function keepJumpButtons(layout) {
  const back = jumpButton(-SECONDS);
  const forward = jumpButton(SECONDS);
  const place = () => {
    const play = layout.querySelector('.vds-controls .vds-play-tooltip');
    if (!play || play.nextElementSibling === forward || forward.previousElementSibling === back) return;
    play.before(back);
    play.after(forward);
  };
  new MutationObserver(place).observe(layout, { childList: true, subtree: true });
  place();
}
