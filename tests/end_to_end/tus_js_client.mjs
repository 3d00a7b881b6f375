// Sends a file with tus-js-client: node tus_js_client.mjs PACKAGE.JSON ENDPOINT FILE MEMORY STOP_AT
// With STOP_AT it gives up in the middle, once so many bytes have gone; what it remembers lies in the file MEMORY, by
// which another run goes on. It prints the requests that it made: [[method, offset], …].
import { createReadStream, statSync } from 'node:fs';
import { createRequire } from 'node:module';

const [, , home, endpoint, file, memory, stopAt] = process.argv;
const { FileUrlStorage, Upload } = createRequire(home)('tus-js-client');

const requests = [];
const upload = new Upload(createReadStream(file), {
  endpoint,
  chunkSize: 1_000_000,
  retryDelays: null,
  urlStorage: new FileUrlStorage(memory),
  fingerprint: async () => `the file ${file}`,
  metadata: { filename: 'from Node.mp4', title: 'From Node' },
  uploadSize: statSync(file).size,
  onAfterResponse: (request, response) => {
    requests.push([request.getMethod(), request.getHeader('Upload-Offset') ?? null, response.getStatus()]);
  },
  onProgress: (sent) => {
    if (!stopAt || sent < Number(stopAt)) return;
    console.log(JSON.stringify(requests));
    process.exit(0);
  },
  onSuccess: () => console.log(JSON.stringify(requests)),
  onError: (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
});
const [previous] = await upload.findPreviousUploads();
if (previous) upload.resumeFromPreviousUpload(previous);
upload.start();
