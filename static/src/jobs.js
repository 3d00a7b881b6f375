// The queue: every job, live.
import './jobs.css';

import { getJob, getVideo } from './lib/api.js';
import { followJobs, isTerminal } from './lib/job-events.js';
import { JobView } from './lib/job-view.js';
import { readPageData } from './lib/page-data.js';

const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

const list = document.getElementById('jobs');

/** @type {Map<string, JobView>} by job id */
const views = new Map();

function adopt(row, job) {
  const view = new JobView(row.querySelector('.job'));
  views.set(job.id, view);
  view.show(job);
}

async function addRow(job) {
  const row = document.getElementById('row-template').content.firstElementChild.cloneNode(true);
  row.dataset.jobId = job.id;
  const time = row.querySelector('time');
  time.dateTime = job.created_at;
  time.textContent = DATE.format(new Date(job.created_at));
  adopt(row, job);
  const isLaterThan = (other) => other.querySelector('time').dateTime < job.created_at;
  list.insertBefore(row, [...list.children].find(isLaterThan) ?? null);
  document.getElementById('no-jobs').hidden = true;

  const title = row.querySelector('[data-part="title"]');
  title.href = `/watch/${encodeURIComponent(job.video_id)}`;
  title.textContent = 'New video';
  try {
    title.textContent = (await getVideo(job.video_id)).title;
  } catch {
    row.remove();
    views.delete(job.id);
  }
}

function onJob(job) {
  const view = views.get(job.id);
  if (!view) {
    addRow(job);
    return;
  }
  view.show(job);
}

async function catchUp() {
  for (const { job } of [...views.values()].filter((view) => !isTerminal(view.job))) {
    try {
      onJob(await getJob(job.id));
    } catch {
      // The next report, or the next connection, tells.
    }
  }
}

for (const job of readPageData('jobs-data')) {
  adopt(list.querySelector(`[data-job-id="${CSS.escape(job.id)}"]`), job);
}
followJobs(onJob, catchUp);
