import { Problem, readProblem } from './api.js';

/**
 * Send a video as a form. XMLHttpRequest, because `fetch` does not tell how much was sent.
 * @param {{file: File, title: string}} video an empty title: the server takes the file's name
 * @param {(sentBytes: number, totalBytes: number) => void} onProgress
 * @returns {{done: Promise<{video: object, job: object}>, cancel: () => void}} `done` fails with a Problem, whose code
 *   is `aborted` after a cancel
 */
export function sendVideo({ file, title }, onProgress) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  // The server reads in this order and knows the title before the bytes come.
  form.append('title', title);
  form.append('file', file, file.name);

  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded, total));
    request.addEventListener('abort', () => reject(new Problem('The upload was cancelled.', { code: 'aborted' })));
    request.addEventListener('error', () => {
      reject(new Problem('The connection to the server was lost before the upload was complete.'));
    });
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(readProblem(request.status, request.responseText, request.getResponseHeader('Retry-After')));
    });
  });
  request.open('POST', '/api/videos');
  request.setRequestHeader('Accept', 'application/json');
  request.send(form);
  return { done, cancel: () => request.abort() };
}
