// The upload page: files are sent one after another; each goes on to show its encoding.
import './upload.css';

import { getJob } from './lib/api.js';
import { formatBytes, formatPercent } from './lib/format.js';
import { followJobs, isTerminal } from './lib/job-events.js';
import { UploadRow } from './lib/upload-row.js';

const form = document.getElementById('upload-form');
const picker = document.getElementById('file');
const dropArea = document.getElementById('drop-area');
const titleField = document.getElementById('title-field');
const titleInput = document.getElementById('title');
const dropHint = document.getElementById('drop-hint');
const pickerLabel = document.getElementById('file-label');
const maxBytes = Number(form.dataset.maxBytes) || Infinity;
const pageTitle = document.title;

/** @type {UploadRow[]} in the order they were added */
let rows = [];
/** @type {File[]} chosen and not yet sent */
let chosen = [];
let stopFollowing = null;

function choose(files) {
  chosen = [...files];
  showFormProblem('');
  titleField.hidden = chosen.length > 1;
  dropHint.hidden = chosen.length > 0;
  dropArea.classList.toggle('has-files', chosen.length > 0);
  const [first] = chosen;
  if (!first) pickerLabel.textContent = 'Choose videos';
  else if (chosen.length === 1) pickerLabel.textContent = `${first.name} · ${formatBytes(first.size)}`;
  else
    pickerLabel.textContent = `${chosen.length} files · ${formatBytes(chosen.reduce((sum, { size }) => sum + size, 0))}`;
}

function showFormProblem(sentence) {
  const problem = document.getElementById('form-problem');
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

function findFault() {
  if (!chosen.length) return 'Choose a video first.';
  const empty = chosen.find(({ size }) => size === 0);
  if (empty) return `${empty.name} is empty.`;
  const large = chosen.find(({ size }) => size > maxBytes);
  if (large) return `${large.name} is ${formatBytes(large.size)}; at most ${formatBytes(maxBytes)} are accepted.`;
  return '';
}

function enqueue() {
  const fault = findFault();
  showFormProblem(fault);
  if (fault) return;
  const title = chosen.length === 1 ? titleInput.value.trim() : '';
  for (const file of chosen) {
    const row = new UploadRow({ file, title }, { onChange: onRowChange, onProgress: showPercentInTitle });
    rows.push(row);
    document.getElementById('uploads').append(row.element);
  }
  form.reset();
  choose([]);
  onRowChange();
}

function onRowChange() {
  rows = rows.filter(({ state }) => state !== 'gone');
  const sending = rows.some(({ state }) => state === 'sending');
  const next = rows.find(({ state }) => state === 'waiting');
  followUnfinished();
  if (!sending && next) next.send();
  else if (!sending) document.title = pageTitle;
}

function showPercentInTitle(percent) {
  document.title = `${formatPercent(percent)} – ${pageTitle}`;
}

const unfinished = () => rows.filter(({ jobView }) => jobView && !isTerminal(jobView.job));

// One stream for all rows: a stream each would use up the browser's connections, and uploads would stand still.
function followUnfinished() {
  if (stopFollowing || !unfinished().length) return;
  stopFollowing = followJobs(onJob, () => unfinished().forEach(catchUp));
}

async function catchUp(row) {
  try {
    onJob(await getJob(row.jobView.job.id));
  } catch {
    // The next report, or the next connection, tells.
  }
}

function onJob(job) {
  rows.find(({ jobView }) => jobView?.job.id === job.id)?.showJob(job);
}

function acceptDrops() {
  for (const name of ['dragenter', 'dragover']) {
    dropArea.addEventListener(name, (event) => {
      event.preventDefault();
      dropArea.classList.add('is-over');
    });
  }
  for (const name of ['dragleave', 'drop']) {
    dropArea.addEventListener(name, () => dropArea.classList.remove('is-over'));
  }
  dropArea.addEventListener('drop', (event) => {
    event.preventDefault();
    picker.value = '';
    choose(event.dataTransfer.files);
  });
}

picker.multiple = true;
picker.required = false;
dropArea.classList.add('is-picker');
acceptDrops();
choose(picker.files);
picker.addEventListener('change', () => choose(picker.files));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  enqueue();
});
window.addEventListener('beforeunload', (event) => {
  if (rows.some(({ state }) => state === 'sending' || state === 'waiting')) event.preventDefault();
});
