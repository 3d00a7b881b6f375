// The videos that this browser sends or asked for, until they are watched or dismissed: kept when the tab is closed,
// and shared by all tabs. Where a browser keeps nothing, everything works but for that.
const PREFIX = 'streamserver-upload:';

/**
 * @typedef {object} Remembered
 * @property {string} id of the upload, and of the job that it becomes
 * @property {string} title what to call it
 * @property {number} begunAt milliseconds since 1970
 * @property {boolean} isLink whether the server fetches it by itself
 * @property {boolean} isWhole whether all of it is at the server
 * @property {string} [fileName]
 * @property {number} [sizeBytes]
 * @property {string} [fingerprint] what the same file is known by when it is chosen again
 * @property {string} [url] where it is sent to
 */

/** @param {Remembered} entry */
export function remember(entry) {
  try {
    localStorage.setItem(PREFIX + entry.id, JSON.stringify(entry));
  } catch {
    // Full, or not allowed: this tab knows all the same.
  }
}

/** @param {string} id */
export function forget(id) {
  try {
    localStorage.removeItem(PREFIX + id);
  } catch {
    // Nothing was kept.
  }
}

/** @param {string} id note that all of it is at the server */
export function rememberWhole(id) {
  const entry = listRemembered().find((one) => one.id === id);
  if (entry) remember({ ...entry, isWhole: true });
}

/** @returns {Remembered[]} the oldest first */
export function listRemembered() {
  let texts = [];
  try {
    texts = Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => localStorage.getItem(key));
  } catch {
    // Not allowed.
  }
  return texts
    .map(read)
    .filter(Boolean)
    .sort((one, other) => one.begunAt - other.begunAt);
}

/** @param {(entry: Remembered) => void} onEntry called with what another tab begins */
export function hearOfOtherTabs(onEntry) {
  window.addEventListener('storage', ({ key, oldValue, newValue }) => {
    const entry = key?.startsWith(PREFIX) && !oldValue ? read(newValue) : null;
    if (entry) onEntry(entry);
  });
}

/**
 * @param {File} file
 * @returns {string} what tells it from other files; that its bytes are the same nobody knows before they are sent
 */
export function fingerprintOf(file) {
  return [file.name, file.type, file.size, file.lastModified].join(' ');
}

/**
 * @param {File} file
 * @returns {Remembered | undefined} its upload that was begun last and is not whole
 */
export function findUnfinished(file) {
  const fingerprint = fingerprintOf(file);
  return listRemembered().findLast((entry) => entry.fingerprint === fingerprint && !entry.isWhole);
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
