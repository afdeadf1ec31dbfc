import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import { findTool } from "../../src/tools/find-tool.ts";
import { laidOver, takenAway } from "../../src/tools/overlay.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-clang-"));
const repository = join(import.meta.dirname, "../..");
let engine: Engine;
beforeAll(() => {
  engine = openEngine({ store: join(top, "store.sqlite") });
});
afterAll(async () => {
  await engine.close();
  rmSync(top, { recursive: true, force: true });
});

/** What a command says, and the tree that it leaves, without what it brings. */
async function exec(root: Oid, ...argv: readonly string[]) {
  const [name = ""] = argv;
  const { worker, overlay } = findTool(engine, name, [repository]);
  const { outcome } = await engine.exec({ worker, argv, in: laidOver(engine, name, root, overlay) });
  const said = outcome.kind === "failed" ? undefined : engine.commandResult(outcome.oid);
  if (said === undefined) throw new Error(`${name} has no command's result`);
  const text = (blob: Oid) => Buffer.from(engine.get(blob).body).toString("utf8");
  return {
    ...said,
    stderr: text(said.stderr),
    stdout: text(said.stdout),
    out: takenAway(engine, name, said.out, overlay),
  };
}

test("a program in C is compiled, linked, added as a command and run", async () => {
  const source = `#include <stdio.h>\nint main(int count, char **words) { printf("%d %s\\n", count, words[1]); return 3; }\n`;
  const start = engine.putTree([{ mode: "100644", name: "a.c", oid: engine.putBlob(Buffer.from(source)) }]);
  const compiled = await exec(start, "clang", "-O1", "-c", "a.c", "-o", "a.o");
  expect(compiled).toMatchObject({ exit: 0, stdout: "", stderr: "" });
  const lib = "/usr/lib/wasm32-wasip1";
  const builtins = "/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a";
  const inputs = [`-L${lib}`, `${lib}/crt1-command.o`, "a.o", "-lc", builtins];
  const linked = await exec(compiled.out, "wasm-ld", "-m", "wasm32", ...inputs, "-o", "a.wasm");
  expect(linked).toMatchObject({ exit: 0, stdout: "", stderr: "" });
  const entries = engine.list(linked.out);
  expect(entries.map(({ name }) => name)).toEqual(["a.c", "a.o", "a.wasm"]);
  const worker = await engine.addCommand(engine.get(entries[2]?.oid as Oid).body);
  const { outcome } = await engine.exec({ worker, argv: ["a", "word"], in: start });
  const result = outcome.kind === "failed" ? undefined : engine.commandResult(outcome.oid);
  expect(result).toMatchObject({ exit: 3, out: start });
  expect(Buffer.from(engine.get(result?.stdout as Oid).body).toString("utf8")).toBe("2 word\n");
});

test("what does not compile is told as clang tells it", async () => {
  const root = engine.putTree([{ mode: "100644", name: "a.c", oid: engine.putBlob(Buffer.from("int main( {\n")) }]);
  const said = await exec(root, "clang", "-c", "a.c", "-o", "a.o");
  expect(said).toMatchObject({ exit: 1, out: root });
  expect(said.stderr).toContain("a.c:1:11: error: expected");
});
