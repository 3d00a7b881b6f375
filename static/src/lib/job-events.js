// Server-Sent Events about jobs. A hidden page lets its connection go: over HTTP/1.1 a browser has six for all
// tabs together, and a stream begins with a snapshot anyway.

const RETRY_MILLISECONDS = 3000;
const JOB_EVENTS = ['ready', 'running', 'progress', 'complete', 'error'];

/**
 * @param {{status: string}} job
 * @returns {boolean} whether nothing more will come of it unless somebody tries again
 */
export function isTerminal(job) {
  return job.status === 'COMPLETE' || job.status === 'ERROR';
}

/**
 * @param {object} job
 * @returns {boolean} whether its file is not whole yet, and may become so
 */
export function isReceiving(job) {
  return job.received_bytes !== null && !isTerminal(job);
}

/**
 * Follow one job to its end.
 * @param {string} jobId
 * @param {(job: object) => void} onJob called with each report
 * @returns {() => void} stops following
 */
export function followJob(jobId, onJob) {
  return follow(`/api/jobs/${encodeURIComponent(jobId)}/events`, { onJob, endsWithJob: true });
}

/**
 * Follow all jobs.
 * @param {(job: object) => void} onJob called with each report
 * @param {() => void} [onOpen] called when a connection begins: what ended while there was none may not be reported
 * @returns {() => void} stops following
 */
export function followJobs(onJob, onOpen = () => {}) {
  return follow('/api/events', { onJob, onOpen });
}

function follow(url, { onJob, onOpen = () => {}, endsWithJob = false }) {
  let source = null;
  let retry = null;
  const disconnect = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const stop = () => {
    disconnect();
    document.removeEventListener('visibilitychange', connectWhileVisible);
  };
  const receive = (event) => {
    // A lost connection is an `error` event too, the browser's own, and carries no data.
    if (event.data === undefined) return;
    const job = JSON.parse(event.data);
    // The server ends the stream here; left open, the EventSource would ask for it again for ever.
    if (endsWithJob && isTerminal(job)) stop();
    onJob(job);
  };
  const connect = () => {
    source = new EventSource(url);
    source.addEventListener('open', onOpen);
    for (const name of JOB_EVENTS) source.addEventListener(name, receive);
    source.addEventListener('error', retryWhenRefused);
  };
  // A browser comes back by itself after a lost connection, but not after an answer such as 503.
  const retryWhenRefused = () => {
    if (source?.readyState === EventSource.CLOSED) retry = setTimeout(connect, RETRY_MILLISECONDS);
  };
  const connectWhileVisible = () => {
    if (document.visibilityState === 'hidden') disconnect();
    else if (!source) connect();
  };
  document.addEventListener('visibilitychange', connectWhileVisible);
  connectWhileVisible();
  return stop;
}
