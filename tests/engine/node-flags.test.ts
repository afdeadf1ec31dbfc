/** Programs that are started with flags of Node's: executors are threads, which take over some and can't have others. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "coppice-flags-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = (store: string) => `
  import { openEngine } from ${JSON.stringify(new URL("../../src/engine.ts", import.meta.url).href)};
  const engine = openEngine({ store: ${JSON.stringify(store)} });
  const { outcome } = await engine.run({ worker: "line-count", args: { in: "a\\nb\\n", children: { oid: engine.putTree([]) } } });
  console.log(outcome.kind === "failed" ? outcome.message : Buffer.from(engine.get(outcome.oid).body).toString());
  await engine.close();`;

test.each([
  ["its text on the command line", [], true],
  ["its text there and a flag", ["--max-old-space-size=2000"], true],
  ["a flag that is for processes only", ["--max-old-space-size=2000", "--stack-trace-limit=20"], false],
  ["a flag that is for threads, too", ["--cpu-prof", `--cpu-prof-dir=${folder}`], false],
])("a program with %s runs jobs", (name, flags, isText) => {
  const text = program(join(folder, `${name}.sqlite`));
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, text);
  const named = isText ? ["--input-type=module", "--eval", text] : [file];
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, ...named], { encoding: "utf8", env: {} });
  expect(stderr).toBe("");
  expect(stdout.trim()).toBe("2");
});
