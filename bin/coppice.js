#!/usr/bin/env node
// Kept to syntax that old Nodes parse, so that they can say what is wanted instead of a syntax error.
"use strict";
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    "coppice: needs Node 24 or newer, and this is Node " +
      process.versions.node +
      "; in a checkout, after `npm ci`, `npx coppice -C DIR` brings its own, and works on any DIR.",
  );
  process.exitCode = 2;
} else {
  void require("./start.js");
}
