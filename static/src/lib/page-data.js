/**
 * Read what the server wrote into the page for its scripts.
 * @param {string} id of a `<script type="application/json">`
 * @returns {any}
 */
export function readPageData(id) {
  return JSON.parse(document.getElementById(id).textContent);
}
