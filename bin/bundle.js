// The files of a bundle, run from V8's code for the functions that an earlier run called.
//
// V8 compiles a function when it is first called. Node's cache of compiled code is made as soon as a module is loaded, so it holds hardly any function, and a warm fold
// calls 400: 8 ms. What is remembered here lies in that cache's folder, which is this user's, this Node's and these flags'. A file of it is named by the SHA-1 of the source
// and the kind of call, and begins with the SHA-1 of the rest, since V8 compares no more than the source's length. Without such files everything runs the same, only later.
"use strict";
const { hash } = require("node:crypto");
const { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const { Script } = require("node:vm");

const digestBytes = 20;
// V8 drops the code of functions that were not called between some collections of garbage, so what is left after a longer run is not worth keeping.
const shortRunMs = 2000;

// The bundle in `folder`: `load` requires a file of it by name, and `remember`, at the end of a run, keeps what it compiled. Runs of one `kind`, any text, call mostly the
// same functions. Where `cacheFolder` is undefined, nothing is kept.
function openBundle(folder, cacheFolder, kind) {
  const modules = new Map();
  const compiled = [];
  const outer = createRequire(path.join(folder, "any"));
  const inner = Object.assign((id) => (id.startsWith("./") ? load(id.slice(2)) : outer(id)), outer);

  function load(name) {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(name, module);
    const file = path.join(folder, name);
    scriptOf(file).runInThisContext().call(module.exports, module.exports, inner, module, file, folder);
    return module.exports;
  }

  function scriptOf(file) {
    const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, "utf8")}\n})`;
    if (cacheFolder === undefined) return new Script(source, { filename: file });
    const place = path.join(cacheFolder, `coppice-${hash("sha1", `${kind}\0${source}`)}`);
    const script = new Script(source, { filename: file, cachedData: codeAt(place) });
    if (script.cachedDataRejected !== false) compiled.push({ place, script });
    return script;
  }

  function remember() {
    if (process.uptime() * 1000 > shortRunMs) return;
    for (const { place, script } of compiled) {
      const code = script.createCachedData();
      const part = `${place}.${process.pid}`;
      try {
        writeFileSync(part, Buffer.concat([hash("sha1", code, "buffer"), code]), { mode: 0o600 });
        renameSync(part, place);
      } catch {
        // A full disk, or a folder that may only be read.
        return;
      }
    }
  }

  return { load, remember };
}

function codeAt(place) {
  let bytes;
  try {
    bytes = readFileSync(place);
  } catch {
    return undefined;
  }
  const code = bytes.subarray(digestBytes);
  return hash("sha1", code, "buffer").equals(bytes.subarray(0, digestBytes)) ? code : undefined;
}

// The bundle's file that the command starts with. A build writes the bundle last.
const entry = "command.cjs";
const sources = ["src", "package.json", "package-lock.json", "rolldown.config.ts"];

// Whether what was built in `root` is not older than anything that it was made from. In an installed package, which has no sources, it is, whatever the times say: whoever unpacks it writes package.json last.
function isFresh(root) {
  if (!existsSync(path.join(root, "src"))) return true;
  const built = statSync(path.join(root, "dist", entry), { throwIfNoEntry: false });
  return built !== undefined && sources.every((name) => !isNewer(path.join(root, name), built.mtimeMs));
}

// What is not there is not newer. A folder's own time tells of files that are gone.
function isNewer(place, thanMs) {
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.mtimeMs > thanMs) return true;
  return stat.isDirectory() && readdirSync(place).some((name) => isNewer(path.join(place, name), thanMs));
}

module.exports = { entry, isFresh, openBundle };
