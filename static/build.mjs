// Bundles every src/*.js into dist/ and writes dist/manifest.json, which maps each entry's plain name to its
// file: {"player.js": "player-1A2B3C4D.js", "player.css": "player-5E6F7A8B.css"}. A name holds a hash of the
// content, so whatever it names may be cached for ever.
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(here, 'src');
const target = path.join(here, 'dist');

async function findEntries() {
  const found = await readdir(source, { withFileTypes: true });
  return found
    .filter((item) => item.isFile() && item.name.endsWith('.js'))
    .map((item) => path.join(source, item.name))
    .sort();
}

function bundle(entryPoints) {
  return build({
    absWorkingDir: here,
    entryPoints,
    outdir: target,
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    entryNames: '[name]-[hash]',
    chunkNames: 'chunks/[name]-[hash]',
    assetNames: 'assets/[name]-[hash]',
    loader: { '.svg': 'file', '.png': 'file', '.webp': 'file', '.woff2': 'file' },
    logLevel: 'warning',
  });
}

function describe(outputs) {
  const inTarget = (file) => path.relative(target, path.join(here, file)).replaceAll(path.sep, '/');
  const manifest = {};
  for (const [file, { entryPoint, cssBundle }] of Object.entries(outputs)) {
    // A dynamically imported module is an entry point to esbuild too; a page asks only for those in src/.
    if (!entryPoint || path.dirname(entryPoint) !== 'src') continue;
    const name = path.basename(entryPoint, '.js');
    manifest[`${name}.js`] = inTarget(file);
    if (cssBundle) manifest[`${name}.css`] = inTarget(cssBundle);
  }
  return manifest;
}

// By a rename, so that a server that reads it, or a build that is cut off, never meets half a file.
async function put(file, contents) {
  await mkdir(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, contents);
  await rename(unfinished, file);
}

async function removeAllBut(kept, folder = target) {
  for (const item of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, item.name);
    if (item.isDirectory()) {
      await removeAllBut(kept, file);
      if ((await readdir(file)).length === 0) await rmdir(file);
    } else if (!kept.has(file)) {
      await rm(file);
    }
  }
}

const entries = await findEntries();
if (entries.length === 0) throw new Error(`no *.js entry lies in ${source}`);
const { outputFiles, metafile } = await bundle(entries).catch((error) => {
  if (!error.errors) throw error;
  process.exit(1); // esbuild itself has said what is wrong and where
});
const manifest = path.join(target, 'manifest.json');

// The manifest comes after all it names, and before what it no longer names goes.
for (const { path: file, contents } of outputFiles) await put(file, contents);
await put(manifest, `${JSON.stringify(describe(metafile.outputs), null, 2)}\n`);
await removeAllBut(new Set([manifest, ...outputFiles.map((output) => output.path)]));

for (const { path: file, contents } of outputFiles) {
  console.log(`${path.relative(here, file)}  ${(contents.length / 1024).toFixed(1)} KiB`);
}
