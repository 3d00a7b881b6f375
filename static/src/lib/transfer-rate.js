const WINDOW_SECONDS = 6;

/** How fast something moves, over the last few seconds. */
export class TransferRate {
  #samples = [];

  /**
   * @param {number} bytes moved in all
   * @param {number} milliseconds when, on a clock that only goes forward
   */
  add(bytes, milliseconds) {
    this.#samples.push({ bytes, seconds: milliseconds / 1000 });
    const oldest = milliseconds / 1000 - WINDOW_SECONDS;
    while (this.#samples.length > 2 && this.#samples[1].seconds <= oldest) this.#samples.shift();
  }

  /** @returns {number | null} bytes a second; null until there is something to tell it from */
  get bytesPerSecond() {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || last.seconds - first.seconds < 0.3) return null;
    return (last.bytes - first.bytes) / (last.seconds - first.seconds);
  }
}
