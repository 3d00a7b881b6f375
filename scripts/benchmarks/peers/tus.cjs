// @tus/server over @tus/file-store: `tus.cjs PORT FOLDER`, with NODE_PATH leading to both. Uploads go to /files.
// They are ES modules, which would be looked for beside this file only; so they are found the other way first.
const { pathToFileURL } = require("node:url");

const [port, directory] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(require.resolve(name)));

Promise.all([load("@tus/server"), load("@tus/file-store")]).then(([{ Server }, { FileStore }]) => {
  const datastore = new FileStore({ directory });
  new Server({ path: "/files", datastore, relativeLocation: true }).listen(Number(port), "127.0.0.1");
});
