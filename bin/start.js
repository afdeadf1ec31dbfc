// A published package has dist/, a checkout has src/, which Node runs as it is.
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";

enableCompileCache();
const source = new URL("../src/cli/main.ts", import.meta.url);
const { main } = await import(existsSync(source) ? source.href : new URL("../dist/cli/main.js", import.meta.url).href);
process.exitCode = await main(process.argv.slice(2), process.env);
