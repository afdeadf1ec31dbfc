// Runs the bundled command of a built package (rolldown.config.ts), or in a checkout whose bundle is older than anything it was made from, the sources as they are.
// These files are CommonJS, since the first ES module costs a Node process some milliseconds.
"use strict";
const { enableCompileCache, getCompileCacheDir } = require("node:module");
const path = require("node:path");
const { entry, isFresh, openBundle } = require("./bundle.js");

const root = path.join(__dirname, "..");

enableCompileCache();
const args = process.argv.slice(2);
// Commands run different functions, and the help of one runs hardly any.
const command = args[0] === "-C" ? args[2] : args[0];
const kind = args.includes("--help") || args.includes("-h") ? "--help" : (command ?? "");
const bundle = isFresh(root) ? openBundle(path.join(root, "dist"), getCompileCacheDir(), kind) : undefined;
const { main } = bundle === undefined ? require("../src/cli/main.ts") : bundle.load(entry);
void main(args, process.env).then(end);

function end(status) {
  process.exitCode = status;
  if (status === 0 && bundle !== undefined) bundle.remember();
  // Everything is closed by now, and taking the heap down orderly would only cost 2 ms more; but what is still to be written waits, as pipes do on Windows.
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
}
