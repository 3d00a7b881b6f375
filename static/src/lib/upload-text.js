// What a row of the upload page says and offers before the whole file is at the server.
import { formatBytes, formatPercent, formatTransferRate, formatWait } from './format.js';
import { isTerminal } from './job-events.js';
import { describeProblem } from './job-text.js';

/**
 * @typedef {object} Shown
 * @property {string} status in a few words
 * @property {string[]} facts figures
 * @property {number} percent of the bar
 * @property {string} [hint] what it waits for, or what to do
 * @property {string} [problem] why it is over
 * @property {('pause' | 'resume' | 'hurry' | 'choose' | 'cancel' | 'retry' | 'dismiss')[]} offers what can be done
 */

const STATES = {
  waiting: { status: 'Waiting for its turn', offers: ['cancel'] },
  sending: { status: 'Uploading', offers: ['pause', 'cancel'] },
  checking: { status: 'Sent; the server is checking it', offers: ['cancel'] },
  retrying: { status: 'Waiting to go on', offers: ['hurry', 'pause', 'cancel'] },
  paused: { status: 'Paused', offers: ['resume', 'cancel'] },
  failed: { status: 'Not uploaded', offers: ['retry', 'dismiss'] },
  cancelled: { status: 'Cancelled', offers: ['retry', 'dismiss'] },
  received: { status: 'Sent', offers: [] },
};
// A tab that has just begun is not reported to be sending yet.
const BEGINNING_MILLISECONDS = 5000;

/** @param {import('./file-upload.js').FileUpload} upload of this tab @returns {Shown} */
export function describeUpload(upload) {
  const { state, file, sentBytes, problem, retryMilliseconds, bytesPerSecond, isRefused } = upload;
  return {
    ...STATES[state],
    ...(isRefused && { offers: ['dismiss'] }),
    facts: listFacts({ receivedBytes: sentBytes, sizeBytes: file.size, bytesPerSecond }),
    percent: (100 * sentBytes) / file.size,
    hint: state === 'retrying' ? `${problem.message} ${describeRetry(retryMilliseconds)}` : '',
    problem: state === 'failed' ? problem.message : '',
  };
}

/**
 * @param {object} job what is received of a video that another tab sends, that nobody sends just now, or that the
 *   server fetches itself
 * @param {import('./upload-memory.js').Remembered} entry
 * @returns {Shown}
 */
export function describeReceiving(job, entry) {
  const facts = listFacts({
    receivedBytes: job.received_bytes,
    sizeBytes: job.size_bytes ?? entry.sizeBytes,
    bytesPerSecond: job.bytes_per_second,
    secondsLeft: job.eta_seconds,
  });
  const shown = { facts, percent: job.percent, problem: describeProblem(job) };
  if (isTerminal(job)) return { ...shown, ...describeEnd(job, entry) };
  return { ...shown, problem: '', ...(entry.isLink ? describeDownload(job) : describeRemote(job, entry)) };
}

function describeEnd(job, { isLink }) {
  const offers = isLink ? ['retry', 'dismiss'] : ['dismiss'];
  if (job.error.code === 'cancelled') return { status: 'Cancelled', offers: ['dismiss'] };
  return { status: isLink ? 'Not imported' : 'Not uploaded', offers };
}

function describeDownload(job) {
  const offers = ['cancel'];
  if (job.retry_at) {
    const milliseconds = Math.max(0, Date.parse(job.retry_at) - Date.now());
    const hint = `${job.last_error?.message ?? ''} ${describeRetry(milliseconds)}`;
    return { status: 'Waiting to go on', hint, offers };
  }
  if (job.size_bytes !== null && job.received_bytes >= job.size_bytes) {
    return { status: 'Downloaded; the server is checking it', offers };
  }
  const isWaiting = job.bytes_per_second === null && job.received_bytes === 0;
  return { status: isWaiting ? 'Waiting for the download' : 'Downloading', offers };
}

function describeRemote(job, entry) {
  const isBeginning = job.received_bytes === 0 && Date.now() - entry.begunAt < BEGINNING_MILLISECONDS;
  if (job.bytes_per_second !== null || isBeginning) return { status: 'Uploading in another tab', offers: ['cancel'] };
  const hint = `Choose “${entry.fileName}” again to go on where it stopped.`;
  return { status: 'Unfinished', hint, offers: ['choose', 'cancel'] };
}

function describeRetry(milliseconds) {
  return milliseconds < 1000 ? 'Trying again now.' : `Trying again in ${formatWait(milliseconds / 1000)}.`;
}

function listFacts({ receivedBytes, sizeBytes, bytesPerSecond, secondsLeft }) {
  if (!receivedBytes) return sizeBytes ? [formatBytes(sizeBytes)] : [];
  if (!sizeBytes) return [formatBytes(receivedBytes), ...(bytesPerSecond ? [formatTransferRate(bytesPerSecond)] : [])];
  const facts = [`${formatBytes(receivedBytes)} of ${formatBytes(sizeBytes)}`];
  if (receivedBytes < sizeBytes) facts.push(formatPercent((100 * receivedBytes) / sizeBytes));
  if (bytesPerSecond && receivedBytes < sizeBytes) {
    const seconds = secondsLeft ?? (sizeBytes - receivedBytes) / bytesPerSecond;
    facts.push(formatTransferRate(bytesPerSecond), `${formatWait(seconds)} left`);
  }
  return facts;
}
