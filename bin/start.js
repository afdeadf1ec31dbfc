// Runs the bundled command of a built package (rolldown.config.ts). A checkout, which is what has sources, runs those as they are when its bundle is older than anything it was made from; in an
// installed package times say nothing, since whoever unpacks it writes package.json last.
// These files are CommonJS, since the first ES module costs a Node process some milliseconds.
"use strict";
const { existsSync, readdirSync, statSync } = require("node:fs");
const { enableCompileCache, getCompileCacheDir } = require("node:module");
const path = require("node:path");
const { openBundle } = require("./bundle.js");

const root = path.join(__dirname, "..");
const dist = path.join(root, "dist");
const entry = "command.cjs";
const sources = ["src", "package.json", "package-lock.json", "rolldown.config.ts"];

function runsBundle() {
  if (!existsSync(path.join(root, "src"))) return true;
  const built = statSync(path.join(dist, entry), { throwIfNoEntry: false });
  return built !== undefined && sources.every((name) => !isNewer(path.join(root, name), built.mtimeMs));
}

// What is not there is not newer. A folder's own time tells of files that are gone.
function isNewer(place, thanMs) {
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.mtimeMs > thanMs) return true;
  return stat.isDirectory() && readdirSync(place).some((name) => isNewer(path.join(place, name), thanMs));
}

enableCompileCache();
const args = process.argv.slice(2);
// Commands run different functions, and the help of one runs hardly any.
const command = args[0] === "-C" ? args[2] : args[0];
const kind = args.includes("--help") || args.includes("-h") ? "--help" : (command ?? "");
const bundle = runsBundle() ? openBundle(dist, getCompileCacheDir(), kind) : undefined;
const { main } = bundle === undefined ? require("../src/cli/main.ts") : bundle.load(entry);
void main(args, process.env).then(end);

function end(status) {
  process.exitCode = status;
  if (status === 0 && bundle !== undefined) bundle.remember();
  // Everything is closed by now, and taking the heap down orderly would only cost 2 ms more; but what is still to be written waits, as pipes do on Windows.
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
}
