import { LocalMediaStorage } from 'vidstack';

/**
 * What a viewer likes, kept for all videos: volume, muted, captions. The speed lasts as long as the page, across
 * changes of source. Position and quality are none of its business: `Playback` hands them over.
 */
export class ViewerSettings extends LocalMediaStorage {
  #rate = 1;

  async getPlaybackRate() {
    return this.#rate;
  }

  async setPlaybackRate(rate) {
    this.#rate = rate;
  }

  async getTime() {
    return null;
  }

  async setTime() {}

  async getVideoQuality() {
    return null;
  }

  async setVideoQuality() {}
}
