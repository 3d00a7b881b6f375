// One video element in an empty page, and what there is to know of it. Times are in seconds.
window.stage = {
  stalls: 0,
  hasPicture: false,

  // Plays a URL and returns how long the first frame took. `hls` asks for hls.js, in its best quality alone.
  open(url, hls) {
    const video = document.createElement('video');
    video.muted = true;
    this.video = video;
    document.body.append(video);
    video.addEventListener('waiting', () => {
      if (this.hasPicture && !video.seeking) this.stalls += 1;
    });
    const began = performance.now();
    const first = this.frame(() => true, began);
    if (hls) this.load(url, hls);
    else video.src = url;
    video.play();
    return first.then((seconds) => {
      this.hasPicture = true;
      return seconds;
    });
  },

  load(url, options) {
    const player = new window.Hls(options);
    player.on(window.Hls.Events.MANIFEST_PARSED, () => {
      // Sorted by bit rate; a level that is set by hand stays.
      player.loadLevel = player.levels.length - 1;
    });
    player.loadSource(url);
    player.attachMedia(this.video);
  },

  // Seeks, and returns how long it took until a frame from there was shown.
  seek(target) {
    const began = performance.now();
    const shown = this.frame((time) => Math.abs(time - target) < 0.6, began);
    this.video.currentTime = target;
    return shown;
  },

  frame(isWanted, began) {
    return new Promise((resolve, reject) => {
      this.video.addEventListener('error', () => reject(new Error(this.video.error.message)), { once: true });
      const look = (now, frame) => {
        if (isWanted(frame.mediaTime)) resolve((performance.now() - began) / 1000);
        else this.video.requestVideoFrameCallback(look);
      };
      this.video.requestVideoFrameCallback(look);
    });
  },

  state() {
    const { video } = this;
    const { buffered, currentTime } = video;
    let end = currentTime;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= currentTime && currentTime <= buffered.end(index)) end = buffered.end(index);
    }
    return { position: currentTime, ahead: end - currentTime, stalls: this.stalls, height: video.videoHeight };
  },
};
