// Runs the bundled command of a built package (rolldown.config.ts). A checkout whose bundle is older than anything it was made from runs its sources as they are.
// These two files are CommonJS, since the first ES module costs a Node process some milliseconds.
"use strict";
const { readdirSync, statSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { join } = require("node:path");

const root = join(__dirname, "..");
const bundle = join(root, "dist", "command.cjs");
const sources = ["src", "package.json", "package-lock.json", "rolldown.config.ts"];

function isFresh() {
  const built = statSync(bundle, { throwIfNoEntry: false });
  return built !== undefined && sources.every((path) => !isNewer(join(root, path), built.mtimeMs));
}

// What is not there, as in a package, is not newer. A folder's own time tells of files that are gone.
function isNewer(path, thanMs) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.mtimeMs > thanMs) return true;
  return stat.isDirectory() && readdirSync(path).some((name) => isNewer(join(path, name), thanMs));
}

enableCompileCache();
const { main } = require(isFresh() ? bundle : "../src/cli/main.ts");
void main(process.argv.slice(2), process.env).then(end);

function end(status) {
  process.exitCode = status;
  // Everything is closed by now, and taking the heap down orderly would only cost 2 ms more; but what is still to be written waits, as pipes do on Windows.
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
}
