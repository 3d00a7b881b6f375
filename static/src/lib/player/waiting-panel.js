import { describeStatus } from '../job-text.js';

/**
 * Say on the stage why there is nothing to see yet.
 * @param {HTMLElement} panel
 * @param {object | null} job
 */
export function showWaitingPanel(panel, job) {
  const [line, more] = sentences(job);
  panel.hidden = false;
  panel.querySelector('[data-part="line"]').textContent = line;
  panel.querySelector('[data-part="more"]').textContent = more;
}

function sentences(job) {
  if (!job) return ['There is nothing to watch yet.', ''];
  if (job.status === 'ERROR') {
    const isCancelled = job.error?.code === 'cancelled';
    return [isCancelled ? 'Encoding was cancelled.' : 'This video could not be encoded.', ''];
  }
  return [describeStatus(job), 'It starts by itself as soon as its first seconds are ready.'];
}
