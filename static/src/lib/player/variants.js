/**
 * Ask how many variants a multivariant playlist lists by now.
 * @param {string} url
 * @returns {Promise<number>} 0 when it cannot be had
 */
export async function countVariants(url) {
  try {
    const response = await fetch(url, { cache: 'no-cache' });
    return response.ok ? (await response.text()).split('#EXT-X-STREAM-INF:').length - 1 : 0;
  } catch {
    return 0;
  }
}
