// The last frame, shown while the player changes its source: a short halt instead of a black flash.

/**
 * Cover a player with what it shows now.
 * @param {HTMLElement} provider the `<media-provider>` that holds the video
 * @returns {() => void} uncovers it
 */
export function coverWithStill(provider) {
  const video = provider.querySelector('video');
  provider.querySelector('.still')?.remove();
  if (!video?.videoWidth || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return () => {};
  const canvas = document.createElement('canvas');
  canvas.className = 'still';
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  provider.append(canvas);
  return () => canvas.remove();
}
