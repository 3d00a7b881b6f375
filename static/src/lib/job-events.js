// Server-Sent Events about jobs. A hidden page lets its connection go: over HTTP/1.1 a browser has six for all
// tabs together, and a stream begins with a snapshot anyway.

const JOB_EVENTS = ['ready', 'running', 'progress', 'complete', 'error'];

/**
 * @param {{status: string}} job
 * @returns {boolean} whether nothing more will come of it unless somebody tries again
 */
export function isTerminal(job) {
  return job.status === 'COMPLETE' || job.status === 'ERROR';
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
  const disconnect = () => {
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
  };
  const connectWhileVisible = () => {
    if (document.visibilityState === 'hidden') disconnect();
    else if (!source) connect();
  };
  document.addEventListener('visibilitychange', connectWhileVisible);
  connectWhileVisible();
  return stop;
}
