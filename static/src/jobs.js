// The queue: every job, live, by one stream of events.
import './jobs.css';

import { getJob, getVideo, listNewestJobs } from './lib/api.js';
import { followJobs, isTerminal } from './lib/job-events.js';
import { readPageData } from './lib/page-data.js';
import { Queue } from './lib/queue.js';

// A picture is taken while a video is encoded, of which no report tells.
const PICTURE_MILLISECONDS = 1500;

const data = readPageData('queue-data');
const queue = new Queue(data);
const newest = data.jobs.reduce((latest, job) => (job.created_at > latest ? job.created_at : latest), '');

function onJob(job) {
  const row = queue.row(job.id);
  if (!row) {
    // Of what ended before it was whole nothing is listed.
    const added = data.is_older || isOverUnreceived(job) ? null : queue.add(job);
    if (added) describe(added);
    return;
  }
  const before = row.job;
  queue.show(row, job);
  const isWhole = before.received_bytes !== null && job.received_bytes === null;
  const isFurther = isWhole || before.stage !== job.stage || before.status !== job.status;
  const isDue = job.stage === 'encode' && performance.now() - row.describedAt > PICTURE_MILLISECONDS;
  if ((isFurther || isDue) && !row.hasPicture) describe(row);
}

function isOverUnreceived(job) {
  return isTerminal(job) && job.received_bytes !== null;
}

// A report says nothing of the video's title and picture, unless there is no video yet.
async function describe(row) {
  row.describedAt = performance.now();
  if (row.job.received_bytes !== null) {
    row.describe({ title: row.job.title, poster_url: null });
    return;
  }
  try {
    row.describe(await getVideo(row.job.video_id));
  } catch (problem) {
    if (problem.status === 404) queue.remove(row);
  }
}

// What ended while there was no connection is in no report.
async function catchUp() {
  const open = queue.rows.filter((row) => !isTerminal(row.job));
  try {
    const { jobs } = await listNewestJobs();
    for (const job of jobs) {
      if (queue.row(job.id) || !isTerminal(job) || job.created_at > newest) onJob(job);
    }
    const found = new Set(jobs.map((job) => job.id));
    for (const row of open.filter(({ job }) => !found.has(job.id))) await askFor(row);
  } catch {
    // The next report, or the next connection, tells.
  }
}

async function askFor(row) {
  try {
    onJob(await getJob(row.job.id));
  } catch (problem) {
    if (problem.status === 404) queue.remove(row);
  }
}

followJobs(onJob, catchUp);
