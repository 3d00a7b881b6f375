// Reads playlists, a JSON array of texts, from its standard input and writes those that hls-parser refuses.
//
//     node hls_parser.mjs …/static/package.json
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const HLS = createRequire(process.argv[2])('hls-parser');
HLS.setOptions({ strictMode: true });

const refused = JSON.parse(readFileSync(0, 'utf8')).flatMap((text) => {
  try {
    HLS.parse(text);
    return [];
  } catch (error) {
    return [`${error.message}\n${text}`];
  }
});
console.log(JSON.stringify(refused));
