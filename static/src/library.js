// The library: menus on each card, and cards that follow the encoding of what is not finished.
import './library.css';

import { formatClock, formatPercent } from './lib/format.js';
import { followJobs } from './lib/job-events.js';
import { stateOf } from './lib/job-text.js';
import { setBar } from './lib/job-view.js';
import { VideoFollower } from './lib/video-follower.js';
import { mountVideoMenu } from './lib/video-menu.js';

const UNFINISHED = '.card:is([data-status="processing"], [data-status="playable"])';

const part = (card, name) => card.querySelector(`[data-part="${name}"]`);

function mountMenu(card) {
  const title = part(card, 'title');
  const video = { id: card.dataset.videoId, title: title.textContent };
  mountVideoMenu(card.querySelector('[data-video-menu]'), video, {
    onRename: (renamed) => {
      title.textContent = renamed;
    },
    onDelete: () => {
      card.remove();
      if (!document.querySelector('.card')) window.location.reload();
    },
  });
}

function showVideo(card, video) {
  card.dataset.status = video.status;
  const link = card.querySelector('.card-picture a');
  if (video.poster_url && !link.firstElementChild) {
    const poster = new Image();
    poster.alt = '';
    poster.src = video.poster_url;
    link.append(poster);
  }
  const length = part(card, 'length');
  length.hidden = !video.duration_seconds;
  if (video.duration_seconds) length.textContent = formatClock(video.duration_seconds);
}

function showJob(card, job) {
  const badge = part(card, 'badge');
  const bar = part(card, 'bar');
  badge.hidden = job.status === 'COMPLETE';
  bar.hidden = job.status !== 'RUNNING';
  setBar(bar, job.percent);
  if (stateOf(job) === 'running') badge.textContent = `Encoding ${formatPercent(job.percent)}`;
  else if (job.status === 'ERROR') badge.textContent = 'Failed';
  else badge.textContent = job.queue_position ? `Waiting, place ${job.queue_position}` : 'Waiting';
}

/** @type {Map<string, {card: HTMLElement, follower: VideoFollower}>} by job id */
const unfinished = new Map();

for (const card of document.querySelectorAll('.card')) mountMenu(card);
for (const card of document.querySelectorAll(UNFINISHED)) {
  const { videoId, jobId, status } = card.dataset;
  const onVideo = (video) => (video ? showVideo(card, video) : card.remove());
  unfinished.set(jobId, { card, follower: new VideoFollower({ id: videoId, status, renditions: [] }, onVideo) });
}

function onJob(job) {
  const known = unfinished.get(job.id);
  if (!known) return;
  showJob(known.card, job);
  known.follower.hear(job);
}

if (unfinished.size) {
  followJobs(onJob, () => unfinished.forEach(({ follower }) => follower.refresh()));
}
