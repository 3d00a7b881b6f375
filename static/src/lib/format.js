// Numbers as people read them. Pages are in English, so the decimal sign does not follow the browser's language.

const BYTE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/**
 * @param {number} bytes
 * @returns {string} such as `12.3 MB`, in decimal units
 */
export function formatBytes(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/**
 * @param {number} bytesPerSecond
 * @returns {string} such as `8.2 MB/s`
 */
export function formatTransferRate(bytesPerSecond) {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/**
 * @param {number} seconds
 * @returns {string} a position or length, such as `0:05` or `1:02:03`
 */
export function formatClock(seconds) {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (value) => String(value).padStart(2, '0');
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/**
 * @param {number} seconds
 * @returns {string} a span of time to wait, such as `40 s`, `3 min` or `2 h 5 min`
 */
export function formatWait(seconds) {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * @param {number} percent 0 to 100
 * @returns {string} a whole number of percent that says 100 only when all is done
 */
export function formatPercent(percent) {
  return `${Math.floor(percent)} %`;
}

/**
 * @param {number} milliseconds
 * @returns {string} such as `180 ms` or `2.4 s`
 */
export function formatMilliseconds(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * @param {number} bitsPerSecond
 * @returns {string} such as `2.5 Mbit/s`
 */
export function formatBitRate(bitsPerSecond) {
  if (bitsPerSecond < 1e6) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
}
