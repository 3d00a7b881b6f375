// What a job's report says, in words.
import { formatPercent, formatWait } from './format.js';

const STAGES = {
  upload: 'Received',
  probe: 'Looking at the file',
  remux: 'Copying the original',
  encode: 'Encoding',
  publish: 'Finishing',
};

/**
 * @param {object} job
 * @returns {string} where it stands, such as `Waiting, 3rd in the queue`
 */
export function describeStatus(job) {
  switch (job.status) {
    case 'COMPLETE':
      return 'Complete';
    case 'ERROR':
      return job.error?.code === 'cancelled' ? 'Cancelled' : 'Failed';
    case 'READY':
      return job.queue_position ? `Waiting, ${ordinal(job.queue_position)} in the queue` : 'Waiting';
    default:
      return STAGES[job.stage] ?? 'Working';
  }
}

/**
 * @param {object} job
 * @returns {string} its figures, such as `34 % · 1.8× · 45 fps · 40 s left`; empty where there are none
 */
export function describeProgress(job) {
  if (job.status !== 'RUNNING') return '';
  const facts = [formatPercent(job.percent)];
  if (job.speed) facts.push(`${job.speed.toFixed(job.speed < 10 ? 1 : 0)}×`);
  if (job.frames_per_second) facts.push(`${Math.round(job.frames_per_second)} fps`);
  if (job.eta_seconds) facts.push(`${formatWait(job.eta_seconds)} left`);
  return facts.join(' · ');
}

function ordinal(number) {
  const suffixes = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
  return number + suffixes[new Intl.PluralRules('en', { type: 'ordinal' }).select(number)];
}
