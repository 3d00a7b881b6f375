// The codes are those of MediaError; failures of hls.js come with code 1.
const SENTENCES = {
  1: 'The video could not be loaded any further.',
  2: 'The connection to the server was lost.',
  3: 'This browser cannot decode the video.',
  4: 'The video could not be loaded.',
};

/**
 * @param {{code?: number}} error as Vidstack reports it
 * @returns {string} a sentence for a person
 */
export function describePlaybackProblem(error) {
  return SENTENCES[error.code] ?? 'The video cannot be played just now.';
}
