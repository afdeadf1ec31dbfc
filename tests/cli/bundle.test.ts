/** The command as a built package brings it: bundled, without sources. */
import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { build } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";
import { bundlesIn } from "../../rolldown.config.ts";
import { ended, jsonResult, sharedRoom, smallRepository, type Said } from "./room.ts";

const room = sharedRoom();
const root = join(import.meta.dirname, "..", "..");
const call = (command: string, ...args: readonly string[]): Promise<Said> =>
  ended(room.start({}, process.execPath, command, ...args));

/** Whether a file of kept code is as it was written. */
const isWhole = (path: string) => {
  const bytes = readFileSync(path);
  return hash("sha1", bytes.subarray(20), "hex") === bytes.toString("hex", 0, 20);
};

const saying = (text: string) => `main = () => { console.log(${JSON.stringify(text)}); return Promise.resolve(0); };\n`;

beforeAll(() => {
  room.makeRepository("repository", smallRepository);
});

describe("a built package", () => {
  const file = (name: string) => room.path("package", name);
  const command = () => file("bin/coppice.js");

  beforeAll(async () => {
    for (const part of ["bin", "build/std", "package.json"]) cpSync(join(root, part), file(part), { recursive: true });
    symlinkSync(join(root, "node_modules"), file("node_modules"), "dir");
    await build(bundlesIn(file("dist")).map((each) => ({ ...each, cwd: root })));
  });

  it("folds in its executor's thread, and then out of what it remembers", async () => {
    const fold = ["fold", ".", "--post", "line-count", "--json"];
    const cold = jsonResult(await call(command(), ...fold));
    const warm = jsonResult(await call(command(), ...fold));
    expect(cold.jobs.executed).toBeGreaterThan(5);
    expect(warm).toMatchObject({ request: cold.request, oid: cold.oid, jobs: { executed: 0, memoized: 1 } });
    const sources = jsonResult(await room.call(...fold));
    expect(sources).toMatchObject({ request: cold.request, oid: cold.oid, jobs: { executed: 0, memoized: 1 } });
  });

  it("a warm fold loads nothing that executes or watches", async () => {
    const main = JSON.stringify(file("dist/command.cjs"));
    const program = `require(${main}).main(["fold", ".", "--post", "line-count", "--json"], process.env)
      .then(() => console.error(JSON.stringify(Object.keys(require.cache))))`;
    const { err } = await ended(room.start({}, process.execPath, "-e", program));
    const loaded = (JSON.parse(err) as string[]).map((path) => path.replaceAll("\\", "/"));
    expect(loaded.some((path) => path.endsWith("dist/importing.cjs"))).toBe(true);
    expect(loaded.filter((path) => /execut|watch|serve|transcript/.test(path))).toEqual([]);
  });

  it("keeps the code that a run compiled, and does without where it is damaged or must not be kept", async () => {
    const folder = room.path("code");
    const fold = async (environment: Record<string, string>) =>
      jsonResult(
        await ended(
          room.start({ environment }, process.execPath, command(), "fold", ".", "--post", "line-count", "--json"),
        ),
      ).oid;
    const kept = () =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((path) => /coppice-[0-9a-f]{40}$/.test(path))
        .map((path) => join(folder, path));
    const expected = await fold({ NODE_COMPILE_CACHE: folder });
    const paths = kept();
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) truncateSync(path, statSync(path).size - 1);
    expect(paths.some(isWhole)).toBe(false);
    expect(await fold({ NODE_COMPILE_CACHE: folder })).toBe(expected);
    expect(kept()).toEqual(paths);
    expect(paths.every(isWhole)).toBe(true);
    rmSync(folder, { recursive: true });
    expect(await fold({ NODE_COMPILE_CACHE: folder, NODE_DISABLE_COMPILE_CACHE: "1" })).toBe(expected);
    expect(existsSync(folder)).toBe(false);
  });

  it("serves tools, and repeats what was called", async () => {
    const transcript = room.path("calls.jsonl");
    const args = [command(), "mcp", "--root", room.repository, "--transcript", transcript];
    const client = new Client({ name: "test", version: "1" });
    await client.connect(
      new StdioClientTransport({ command: process.execPath, args, env: room.environment, cwd: room.path() }),
    );
    const imported = await client.callTool({ name: "import", arguments: { revision: "HEAD" } });
    const { tree } = imported.structuredContent as { readonly tree: string };
    const folded = await client.callTool({ name: "fold", arguments: { tree, post: "file-count" } });
    await client.close();
    expect(folded.structuredContent).toMatchObject({ tree, output: { text: "5\n" } });
    const replaying = ["replay-calls", transcript, "--store", room.path("replayed.sqlite")];
    expect(await call(command(), ...replaying)).toMatchObject({ status: 0, err: "" });
  });

  it("knows its version, the licences of what it contains, and mistakes", async () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(await call(command(), "--version")).toMatchObject({ status: 0, out: `${version}\n` });
    expect(await call(command(), "fold", ".", "--post", "nobody")).toMatchObject({ status: 2, out: "" });
    const licences = readFileSync(file("dist/bundled-licences.txt"), "utf8");
    for (const name of ["@modelcontextprotocol/sdk", "better-sqlite3", "commander", "multiformats", "p-limit", "zod"])
      expect(licences).toContain(`${name} `);
  });
});

// As `npm i` leaves a tarball: package.json is written last, so it is newer than all that was built from it.
describe("an installed tarball", () => {
  const installed = (name: string) => room.path("project/node_modules/coppice", name);

  beforeAll(async () => {
    const packed = room.path("packed");
    for (const part of ["bin", "build/std", "package.json"])
      cpSync(join(root, part), join(packed, part), { recursive: true });
    await build(bundlesIn(join(packed, "dist")).map((each) => ({ ...each, cwd: root })));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const compiling = ["-p", join(root, "tsconfig.build.json"), "--noCheck", "--outDir", join(packed, "dist")];
    execFileSync(process.execPath, [compiler, ...compiling, "--declaration", "false"]);
    execFileSync("npm", ["pack", "--ignore-scripts", "--offline", "--silent"], { cwd: packed });
    const { version } = JSON.parse(readFileSync(join(packed, "package.json"), "utf8")) as { version: string };
    mkdirSync(installed(""), { recursive: true });
    const tarball = join(packed, `coppice-${version}.tgz`);
    execFileSync("tar", ["-xzf", tarball, "-C", installed(""), "--strip-components=1"]);
    const { mtimeMs } = statSync(installed("dist/command.cjs"));
    utimesSync(installed("package.json"), mtimeMs / 1000 + 10, mtimeMs / 1000 + 10);
    symlinkSync(join(root, "node_modules"), installed("node_modules"), "dir");
  });

  it("runs its command", async () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(await call(installed("bin/coppice.js"), "-V")).toEqual({ status: 0, out: `${version}\n`, err: "" });
    const fold = ["fold", "HEAD", "--post", "line-count", "--salt", "installed"];
    expect(await call(installed("bin/coppice.js"), ...fold)).toMatchObject({ status: 0, out: "5\n" });
  });

  it("is a library to the project that it is installed in", async () => {
    const program = `import { openEngine } from "coppice";
      const engine = openEngine({ store: ${JSON.stringify(room.path("library.sqlite"))}, environment: process.env });
      const { oid } = await engine.borrowTree(${JSON.stringify(room.repository)});
      const { outcome } = await engine.fold({ in: oid, post: "line-count" });
      process.stdout.write(engine.get(outcome.oid).body);
      await engine.close();`;
    const file = room.write("project/use.mjs", program);
    expect(await ended(room.start({}, process.execPath, file))).toEqual({ status: 0, out: "5\n", err: "" });
  });

  it("runs scripts", async () => {
    const script = room.write("project/shout.ts", "export default (job) => job.text(job.args.in).toUpperCase();");
    const run = ["run", script, "--in=text", "--salt", "installed"];
    expect(await call(installed("bin/coppice.js"), ...run)).toMatchObject({ status: 0, out: "TEXT" });
    const program = `import { openEngine } from "coppice";
      const engine = openEngine({ store: ${JSON.stringify(room.path("scripts.sqlite"))}, environment: process.env });
      const worker = await engine.addScript(${JSON.stringify(script)});
      const { outcome } = await engine.run({ worker, args: { in: "text" } });
      process.stdout.write(engine.get(outcome.oid).body);
      await engine.close();`;
    const file = room.write("project/scripts.mjs", program);
    expect(await ended(room.start({}, process.execPath, file))).toEqual({ status: 0, out: "TEXT", err: "" });
  });
});

describe("in a checkout the command is", () => {
  const write = (path: string, text: string): string => {
    const file = room.path("checkout", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    utimesSync(file, 1000, 1000);
    return file;
  };
  const said = async () => (await call(room.path("checkout/bin/coppice.js"))).out;
  const setTimes = (seconds: number, ...paths: readonly string[]) => {
    for (const path of paths) utimesSync(room.path("checkout", path), seconds, seconds);
  };

  beforeAll(() => {
    cpSync(join(root, "bin"), room.path("checkout/bin"), { recursive: true });
    write("src/cli/main.ts", `export const ${saying("sources")}`);
    write("src/store/store.ts", "");
    write("package-lock.json", "{}");
  });

  it("the sources when there is no bundle, or an older one, and else the bundle", async () => {
    setTimes(1000, "src/cli", "src/store", "src");
    expect(await said()).toBe("sources\n");
    write("dist/command.cjs", `exports.${saying("bundle")}`);
    expect(await said()).toBe("bundle\n");
    for (const path of ["src/store/store.ts", "src/store", "package-lock.json"]) {
      setTimes(2000, path);
      expect(await said(), path).toBe("sources\n");
      setTimes(1000, path);
    }
    expect(await said()).toBe("bundle\n");
  });
});
