// The watch page.
import './player.css';

import { followJob, isTerminal } from './lib/job-events.js';
import { JobView } from './lib/job-view.js';
import { readPageData } from './lib/page-data.js';
import { isWatchable } from './lib/player/deliveries.js';
import { showDetails } from './lib/player/details.js';
import { Stage } from './lib/player/stage.js';
import { showWaitingPanel } from './lib/player/waiting-panel.js';
import { VideoFollower } from './lib/video-follower.js';
import { mountVideoMenu } from './lib/video-menu.js';

const jobPanel = document.getElementById('job-panel');
const stagePanel = document.getElementById('stage-panel');

let job = readPageData('job-data');
let stage = null;
let jobView = null;
let stopFollowing = () => {};
const follower = new VideoFollower(readPageData('video-data'), onVideo);

function showStage(video, { startsByItself }) {
  if (!isWatchable(video)) {
    stage?.remove();
    stage = null;
    showWaitingPanel(stagePanel, job);
  } else if (stage) {
    stage.update(video);
  } else {
    stagePanel.hidden = true;
    stage = new Stage(video);
    stage.start({ isPlaying: startsByItself });
  }
}

function onVideo(video) {
  if (!video) {
    window.location.assign('/');
    return;
  }
  showDetails(video);
  showStage(video, { startsByItself: true });
}

function onJob(report) {
  job = report;
  jobView.show(job);
  jobPanel.hidden = job.status === 'COMPLETE';
  if (stage) stage.lookForMore();
  else showWaitingPanel(stagePanel, job);
  follower.hear(job);
}

function followEncoding() {
  stopFollowing();
  stopFollowing = followJob(job.id, onJob);
}

function mountJob() {
  jobView = JobView.create();
  jobPanel.append(jobView.root);
  jobPanel.hidden = job.status === 'COMPLETE';
  jobView.show(job);
  // A job that is tried again goes on after its stream has ended.
  jobPanel.addEventListener('job-asked', followEncoding);
  if (!isTerminal(job)) followEncoding();
}

function mountMenu(video) {
  mountVideoMenu(
    document.getElementById('video-menu'),
    { id: video.id, title: video.title },
    {
      onRename: (title) => {
        document.getElementById('title').textContent = title;
        document.title = `${title} – streamserver`;
        follower.video.title = title;
        stage?.update(follower.video);
      },
      onDelete: () => window.location.assign('/'),
      onChange: (changed) => {
        follower.video = changed;
        onVideo(changed);
      },
    },
  );
}

mountMenu(follower.video);
showDetails(follower.video);
showStage(follower.video, { startsByItself: false });
if (job) mountJob();
