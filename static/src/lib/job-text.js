// What a job's report says, in words; `job_words.py` writes the same into pages.
import { formatBytes, formatPercent, formatTransferRate, formatWait } from './format.js';
import { isReceiving, isTerminal } from './job-events.js';

const STAGES = {
  upload: 'Received',
  probe: 'Looking at the file',
  remux: 'Copying the original',
  wait: 'Waiting to go on',
  encode: 'Encoding',
  publish: 'Finishing',
};
// Nothing of such a file is left, and only its uploader can send it again.
const LOST = ['cancelled', 'cut_off', 'gone', 'unsupported_media', 'checksum_mismatch', 'too_large'];
const UNITS = [
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/**
 * @param {object} job
 * @returns {string} where it stands, such as `Waiting, 3rd in the queue`
 */
export function describeStatus(job) {
  switch (job.status) {
    case 'COMPLETE':
      return job.is_duplicate ? 'In the library already' : 'Complete';
    case 'ERROR':
      return isCancelled(job) ? 'Cancelled' : 'Failed';
    case 'READY':
      if (job.retry_at && !job.queue_position) return 'Waiting to be tried again';
      if (isReceiving(job)) return describeReceiving(job);
      return `Waiting${describePlace(job)}`;
    default:
      return (STAGES[job.stage] ?? 'Working') + describePlace(job);
  }
}

/**
 * @param {object} job
 * @returns {'running' | 'receiving' | 'waiting' | 'ended'} in which list it stands; it waits also between two of its
 *   tasks
 */
export function stateOf(job) {
  if (isTerminal(job)) return 'ended';
  if (isReceiving(job)) return 'receiving';
  return job.status === 'READY' || job.stage === 'wait' ? 'waiting' : 'running';
}

/**
 * @param {object} job
 * @returns {string} its figures, such as `34 % · 1.8× · 45 fps · 40 s left`; empty where there are none
 */
export function describeProgress(job) {
  if (job.status !== 'RUNNING') return '';
  const facts = [formatPercent(job.percent)];
  if (job.speed) facts.push(`${speed(job)}×`);
  if (job.frames_per_second) facts.push(`${Math.round(job.frames_per_second)} fps`);
  if (job.eta_seconds) facts.push(`${formatWait(job.eta_seconds)} left`);
  return facts.join(' · ');
}

/**
 * @param {object} job
 * @returns {string[]} the figures of a job that is not over, such as `34 %` and `about 3 minutes left`
 */
export function listProgress(job) {
  if (isReceiving(job)) return listReceived(job);
  const facts = [];
  if (job.status === 'RUNNING') facts.push(formatPercent(job.percent));
  const state = stateOf(job);
  if (state === 'waiting') {
    const ready = job.renditions.filter(({ percent }) => percent === 100).map(({ name }) => name);
    if (ready.length) facts.push(`${ready.join(', ')} ready`);
    if (job.eta_seconds) facts.push(`done in about ${describeSpan(job.eta_seconds)}`);
  } else if (state === 'running') {
    if (job.speed) facts.push(`${speed(job)}× real time`);
    if (job.frames_per_second) facts.push(`${Math.round(job.frames_per_second)} frames/s`);
    if (job.eta_seconds) facts.push(`about ${describeSpan(job.eta_seconds)} left`);
  }
  return facts;
}

/**
 * @param {object} job
 * @returns {string} what went wrong, or went wrong the last time; empty where somebody wanted it so
 */
export function describeProblem(job) {
  if (job.error) return isCancelled(job) ? '' : job.error.message;
  return job.last_error ? `The last attempt failed: ${job.last_error.message}` : '';
}

/**
 * @param {object} job
 * @returns {string} how long the attempt took with which it ended, such as `took 3 minutes 20 seconds`
 */
export function describeTook(job) {
  if (!job.finished_at || !job.started_at) return '';
  return `took ${describeExactly((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}`;
}

/**
 * @param {object} job
 * @returns {boolean} whether to try again makes sense, also before it would be tried again anyhow: not where the file
 *   itself was the fault, or was never whole, unless the server can fetch it again
 */
export function canRetry(job) {
  if (job.status === 'READY') return Boolean(job.retry_at) && !job.queue_position && job.received_bytes === null;
  if (job.status !== 'ERROR') return false;
  if (job.received_bytes !== null) return !LOST.includes(job.error?.code);
  return job.error?.code !== 'source_unusable';
}

function isCancelled(job) {
  return job.error?.code === 'cancelled';
}

function describeReceiving(job) {
  if (job.size_bytes !== null && job.received_bytes >= job.size_bytes) return 'Checking the file';
  if (job.bytes_per_second !== null) return 'Receiving';
  return job.received_bytes ? 'On hold' : 'Waiting for the file';
}

function listReceived(job) {
  if (!job.received_bytes && !job.size_bytes) return [];
  const facts = [formatBytes(job.received_bytes)];
  if (job.size_bytes) facts.splice(0, 1, `${facts[0]} of ${formatBytes(job.size_bytes)}`, formatPercent(job.percent));
  if (job.bytes_per_second) facts.push(formatTransferRate(job.bytes_per_second));
  if (job.eta_seconds) facts.push(`about ${describeSpan(job.eta_seconds)} left`);
  return facts;
}

function describePlace(job) {
  return job.queue_position ? `, ${ordinal(job.queue_position)} in the queue` : '';
}

function speed(job) {
  return job.speed.toFixed(job.speed < 10 ? 1 : 0);
}

function ordinal(number) {
  const suffixes = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
  return number + suffixes[new Intl.PluralRules('en', { type: 'ordinal' }).select(number)];
}

// What can only be guessed: in steps of five seconds, then of minutes.
function describeSpan(seconds) {
  if (seconds < 57.5) return describeExactly(Math.max(5, 5 * Math.floor(seconds / 5 + 0.5)));
  return describeExactly(60 * Math.max(1, Math.floor(seconds / 60 + 0.5)));
}

// The two largest units that are not zero.
function describeExactly(seconds) {
  if (seconds < 1) return 'less than a second';
  let rest = Math.floor(seconds);
  const parts = [];
  for (const [name, length] of UNITS) {
    const count = Math.floor(rest / length);
    rest %= length;
    if (count) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`);
  }
  return parts.slice(0, 2).join(' ');
}
