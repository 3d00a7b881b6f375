// Files that are dropped anywhere on the page, or pasted into it.

const FOLDER = 'A folder cannot be uploaded; please choose the files in it.';

/**
 * @param {HTMLElement} area lights up while files are held over the page
 * @param {{onFiles: (files: File[]) => void, onProblem: (sentence: string) => void}} handlers
 */
export function acceptFiles(area, { onFiles, onProblem }) {
  let depth = 0;
  const light = () => area.classList.toggle('is-over', depth > 0);
  const receive = (event, transfer) => {
    const { files, folders } = readTransfer(transfer);
    if (!files.length && !folders) return;
    event.preventDefault();
    if (files.length) onFiles(files);
    if (folders) onProblem(FOLDER);
  };
  // Each element on the way tells of coming and going; what counts is whether the page as a whole is left.
  window.addEventListener('dragenter', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    light();
  });
  window.addEventListener('dragleave', (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    light();
  });
  window.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener('drop', (event) => {
    depth = 0;
    light();
    receive(event, event.dataTransfer);
  });
  window.addEventListener('paste', (event) => receive(event, event.clipboardData));
}

function hasFiles({ dataTransfer }) {
  return dataTransfer.types.includes('Files');
}

function readTransfer(transfer) {
  const items = [...(transfer?.items ?? [])].filter(({ kind }) => kind === 'file');
  const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory ?? false;
  const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile());
  return { files: files.filter(Boolean), folders: items.length - files.length };
}
