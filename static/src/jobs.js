// The queue: every job, live, by one stream of events.
import './jobs.css';

import { getJob, getVideo, listNewestJobs } from './lib/api.js';
import { followJobs, isTerminal } from './lib/job-events.js';
import { readPageData } from './lib/page-data.js';
import { Queue } from './lib/queue.js';

const data = readPageData('queue-data');
const queue = new Queue(data);
const newest = data.jobs.reduce((latest, job) => (job.created_at > latest ? job.created_at : latest), '');

function onJob(job) {
  const row = queue.row(job.id);
  if (!row) {
    const added = data.is_older ? null : queue.add(job);
    if (added) describe(added);
    return;
  }
  const before = row.job;
  queue.show(row, job);
  const isFurther = before.stage !== job.stage || before.status !== job.status;
  if (isFurther && !row.hasPicture) describe(row);
}

// A report says nothing of the video's title and picture.
async function describe(row) {
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
    for (const { job } of open.filter((row) => !found.has(row.job.id))) onJob(await getJob(job.id));
  } catch {
    // The next report, or the next connection, tells.
  }
}

followJobs(onJob, catchUp);
