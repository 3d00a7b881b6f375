// Express, whose res.sendFile is the package `send`: `express.cjs PORT FOLDER`, with NODE_PATH leading to Express.
// An ES module would look for Express beside itself only.
const express = require("express");

const [port, root] = process.argv.slice(2);
const app = express();
app.disable("x-powered-by");
app.get("/:name", (request, response) => response.sendFile(request.params.name, { root }));
app.listen(Number(port), "127.0.0.1");
