import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ToolFault, type Answer } from "../../src/server/answer.ts";
import { callTool } from "../../src/server/calls.ts";
import { tools, type Calling } from "../../src/server/tools.ts";
import { toolFolders } from "../../src/tools/find-tool.ts";
import { absent, emptyTree } from "../cli/room.ts";
import { sharedRoom } from "../guests/room.ts";

const room = sharedRoom();
let folder = "";
let calling: Calling;
const names: string[] = [absent, emptyTree];

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "coppice-calls-")));
  mkdirSync(join(folder, "root"));
  mkdirSync(join(folder, "out"));
  writeFileSync(join(folder, "root", "a"), "alpha\n");
  const { engine } = room;
  const blob = engine.putBlob(Buffer.from("one\ntwo\n"));
  const link = engine.putBlob(Buffer.from("../a"));
  const below = engine.putTree([{ mode: "100644", name: "b", oid: blob }]);
  const name = "\udcff";
  const tree = engine.putTree([
    { mode: "100644", name: "a", oid: blob },
    { mode: "120000", name: "link", oid: link },
    { mode: "160000", name: "module", oid: blob },
    { mode: "40000", name: "sub", oid: below },
    { mode: "100755", name, oid: blob },
  ]);
  names.push(blob, link, below, tree, engine.std);
  calling = {
    engine,
    folders: { root: join(folder, "root"), checkoutRoot: join(folder, "out") },
    toolFolders: toolFolders(process.cwd()),
    signal: new AbortController().signal,
  };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether an argument names a tree. */
function isTree(tool: string, key: string): boolean {
  return ["tree", "from", "to"].includes(key) && !(tool === "read" && key === "from");
}

/** What a call comes to; whatever goes wrong must be a fault that is told in one sentence. */
async function cameTo(tool: string, given: unknown): Promise<Answer | ToolFault> {
  try {
    return await callTool(calling, { tool, arguments: given });
  } catch (error) {
    if (error instanceof ToolFault) return error;
    throw error;
  }
}

it("whatever a tool is called with is answered by its schema, or is a fault in a sentence, and never a bug of ours", async () => {
  const name = fc.nat().map((at) => names[at % names.length] as string);
  const path = fc.oneof(
    fc.constantFrom("", ".", "a", "sub", "sub/b", "sub/../a", "..", "/", "a/", "link", "link/x", "module", "module/x"),
    fc.constantFrom("\udcff", "\ud800", "x/../..", "\0", "none", "a\nb"),
    fc.string({ unit: "binary", maxLength: 12 }),
  );
  const number = fc.oneof(fc.integer({ min: -1, max: 9 }), fc.constantFrom(1e9, 2 ** 53 - 1, 0.5));
  const value = fc.oneof(
    { weight: 6, arbitrary: fc.oneof(name, path, number) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.dictionary(fc.constantFrom("oid", "tree", "path", "in", "A"), fc.oneof(name, path)) },
    { weight: 1, arbitrary: fc.array(path, { maxLength: 3 }) },
  );
  const cases = fc.constantFrom(...Object.keys(tools)).chain((tool) => {
    const keys = Object.keys(tools[tool]?.input.shape ?? {});
    const usual = (key: string): fc.Arbitrary<unknown> => {
      if (["tree", "from", "to", "blob", "request"].includes(key) && !(tool === "read" && key === "from")) return name;
      if (["post", "pre", "worker"].includes(key)) return fc.oneof(fc.constantFrom(...room.engine.workers()), name);
      if (key === "argv") return fc.constantFrom(["cat", "a"], ["ls"], ["wc", "-c"], ["nonesuch"], ["ls", "\0"]);
      if (key === "args")
        return fc.dictionary(fc.constantFrom("in", "children", "a/b"), fc.oneof(path, fc.record({ oid: name })));
      return ["from", "lines", "offset", "bytes", "depth"].includes(key) ? number : path;
    };
    const field = (key: string) => {
      const given = fc.oneof({ weight: 20, arbitrary: usual(key) }, { weight: 1, arbitrary: value });
      const isWanted = isTree(tool, key) || ["post", "path", "worker", "argv", "folder", "request"].includes(key);
      return fc.oneof({ weight: isWanted ? 9 : 1, arbitrary: given }, { weight: 4, arbitrary: fc.constant(undefined) });
    };
    const fields = fc.record(Object.fromEntries(keys.map((key) => [key, field(key)])));
    return fc.tuple(fc.constant(tool), fc.oneof({ weight: 9, arbitrary: fields }, { weight: 1, arbitrary: value }));
  });
  const answered = new Set<string>();
  await fc.assert(
    fc.asyncProperty(cases, async ([tool, given]) => {
      const came = await cameTo(tool, given);
      if (came instanceof ToolFault) {
        expect([came.kind, came.message, (came.cause as Error | undefined)?.stack]).not.toContain("bug");
        expect(came.message).toMatch(/^[^\n]+$/);
        return;
      }
      answered.add(tool);
      expect(tools[tool]?.output.safeParse(came.facts).error?.issues).toBe(undefined);
      expect(JSON.parse(JSON.stringify(came.facts))).toEqual(came.facts);
    }),
    { numRuns: 200 },
  );
  // So the arguments are not so odd that nothing is ever done.
  expect(answered.size).toBeGreaterThan(5);
});
