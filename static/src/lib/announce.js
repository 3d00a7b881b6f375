/**
 * Tell users of a screen reader what just changed elsewhere on the page.
 * @param {string} sentence
 */
export function announce(sentence) {
  document.getElementById('announcements').textContent = sentence;
}
