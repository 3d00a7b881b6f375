// The server's JSON interface.
import { formatWait } from './format.js';

/** An answer that is not the one asked for; its message is a sentence for a person. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string}} facts status 0: no answer at all
   */
  constructor(message, { status = 0, code = '' } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Read an RFC 9457 problem; anything else, such as a proxy's own page, becomes a general sentence.
 * @param {number} status
 * @param {string} body
 * @param {string | null} retryAfter the Retry-After header
 * @returns {Problem}
 */
export function readProblem(status, body, retryAfter) {
  try {
    const { detail, title, code } = JSON.parse(body);
    if (detail || title) return new Problem(detail || title, { status, code });
  } catch {
    // Not JSON: the general sentence below says what is known.
  }
  const cause = status >= 500 ? 'The server cannot do this just now' : 'The server did not accept this';
  const seconds = Number.parseInt(retryAfter ?? '', 10);
  const advice = seconds ? ` Please try again in ${formatWait(seconds)}.` : '';
  return new Problem(`${cause} (status ${status}).${advice}`, { status });
}

// A form and a file say themselves what they are.
function written(body) {
  if (body === undefined || body instanceof FormData || body instanceof Blob) return { body };
  return { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
}

async function call(method, url, body) {
  let response;
  try {
    response = await fetch(url, { method, ...written(body) });
  } catch {
    throw new Problem('The server cannot be reached.');
  }
  const text = await response.text();
  if (!response.ok) throw readProblem(response.status, text, response.headers.get('Retry-After'));
  return text ? JSON.parse(text) : null;
}

const path = (...parts) => `/api/${parts.map(encodeURIComponent).join('/')}`;

/** @param {string} id @returns {Promise<object>} a Video */
export const getVideo = (id) => call('GET', path('videos', id));

/** @param {string} id @param {string} title @returns {Promise<object>} the Video as it is now */
export const renameVideo = (id, title) => call('PATCH', path('videos', id), { title });

/** @param {string} id @returns {Promise<null>} */
export const deleteVideo = (id) => call('DELETE', path('videos', id));

/** @param {string} id @param {FormData} form `file`, `language` and `label` @returns {Promise<object>} a Subtitle */
export const addSubtitle = (id, form) => call('POST', path('videos', id, 'subtitles'), form);

/** @param {string} id @param {File} picture @returns {Promise<object>} the Video as it is now */
export const replacePoster = (id, picture) => call('PUT', path('videos', id, 'poster'), picture);

/** @param {string} id @returns {Promise<object>} a Job */
export const getJob = (id) => call('GET', path('jobs', id));

/** @param {string} id @returns {Promise<object | null>} */
export const cancelJob = (id) => call('DELETE', path('jobs', id));

/** @param {string} id of a job that is to be over, by whatever way it came to that @returns {Promise<void>} */
export async function endJob(id) {
  try {
    await cancelJob(id);
  } catch (problem) {
    // Not there any more, or over.
    if (![404, 409, 410].includes(problem.status)) throw problem;
  }
}

/** @param {string} id @returns {Promise<object | null>} */
export const retryJob = (id) => call('POST', path('jobs', id, 'retry'));

/** @returns {Promise<{jobs: object[], next: string | null}>} the newest jobs, as many as are given at once */
export const listNewestJobs = () => call('GET', '/api/jobs?limit=100');

/**
 * @param {string} url @param {string} title empty: the server finds one
 * @returns {Promise<{video: object, job: object}>} what the video will be, and the job that tells of it
 */
export const importVideo = (url, title) => call('POST', path('videos', 'import'), title ? { url, title } : { url });
