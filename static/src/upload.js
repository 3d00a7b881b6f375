// The upload page: files and links, each of which goes on to show its encoding.
import './upload.css';

import { ChosenFiles } from './lib/chosen-files.js';
import { formatBytes, formatPercent } from './lib/format.js';
import { handleImports } from './lib/import-form.js';
import { acceptFiles } from './lib/incoming-files.js';
import { fingerprintOf } from './lib/upload-memory.js';
import { Uploads } from './lib/uploads.js';

const form = document.getElementById('upload-form');
const importForm = document.getElementById('import-form');
const dropArea = document.getElementById('drop-area');
const dropHint = document.getElementById('drop-hint');
const pageTitle = document.title;

const uploads = new Uploads(document.getElementById('uploads'), { onChange: showSent, onChoose: chooseAgain });
const chosen = new ChosenFiles(form);

// How much of what this tab sends is sent, also while another tab is looked at.
function showSent() {
  const files = uploads.unsent.map(({ upload }) => upload);
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  const sent = files.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  document.title = size ? `${formatPercent((100 * sent) / size)} – ${pageTitle}` : pageTitle;
}

function send() {
  for (const { file, title } of chosen.take()) {
    if (uploads.isSending(file)) chosen.showProblem(`${file.name} is being uploaded already.`);
    else uploads.send(file, title);
  }
}

function chooseAgain(row) {
  const picker = Object.assign(document.createElement('input'), { type: 'file', accept: form.elements.file.accept });
  picker.addEventListener('change', () => {
    const [file] = picker.files;
    const { fileName, sizeBytes, fingerprint, title } = row.entry;
    if (fingerprintOf(file) === fingerprint) uploads.send(file, title);
    else row.complain(`That is another file; this one was called “${fileName}” and has ${formatBytes(sizeBytes)}.`);
  });
  picker.click();
}

dropArea.classList.add('is-picker');
dropHint.hidden = false;
acceptFiles(dropArea, {
  onFiles: (files) => {
    chosen.add(files);
    document.getElementById('send').focus();
  },
  onProblem: (sentence) => chosen.showProblem(sentence),
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  send();
});
if (importForm) handleImports(importForm, (job, title) => uploads.addImport(job, title));
uploads.recall();
window.addEventListener('beforeunload', (event) => {
  if (uploads.unsent.some(({ upload }) => upload.state !== 'paused')) event.preventDefault();
});
