/**
 * The shell with the system's own commands as its tools: its script runs here, outside of any engine, and each nested run is a process over a folder written out for it. What then differs from the system's bash is the shell.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeEnvironment, encodeStrings } from "../../src/abi/command.ts";
import { hashObject, type ObjectKind } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { decodeTree, encodeTree, type Mode, type TreeEntry } from "../../src/store/tree.ts";
import { environment, makeFolder, treeOf, type ScriptEnd } from "./shell-folder.ts";

interface Entry {
  readonly kind: ObjectKind;
  readonly oid: Oid;
  readonly mode: Mode;
  readonly name?: string;
}
type Value = Entry | Uint8Array | string;
type Entries = ReadonlyMap<string, Value> | Readonly<Record<string, Value>>;

const names =
  "awk basename cat chmod cmp comm cp cut date dd diff dirname expr find grep head join ln ls mkdir mv nl od paste printenv readlink rev rm rmdir sed seq sort split tac tail tee touch tr uname uniq wc".split(
    " ",
  );

const module: { exports?: unknown } = {};
// oxlint-disable-next-line typescript/no-implied-eval -- it is the program under test
new Function("module", readFileSync(new URL("../../build/std/shell.js", import.meta.url), "utf8"))(module);
const shell = module.exports as (job: object) => Promise<ReadonlyMap<string, Value>>;

class Bodies {
  readonly #bodies = new Map<Oid, Buffer>();

  put(kind: ObjectKind, body: Uint8Array): Oid {
    const oid = hashObject(kind, body);
    this.#bodies.set(oid, Buffer.from(body));
    return oid;
  }

  get(oid: Oid): Buffer {
    const body = this.#bodies.get(oid);
    if (body === undefined) throw new Error(`${oid} is missing`);
    return body;
  }
}

function entry(kind: ObjectKind, oid: Oid, mode: Mode = kind === "tree" ? "40000" : "100644"): Entry {
  return { kind, oid, mode };
}

/** Runs the shell over a fresh folder. */
export async function alone(argv: readonly string[], stdin: string): Promise<ScriptEnd> {
  const bodies = new Bodies();
  const put = (value: Value): Entry =>
    typeof value === "string" || value instanceof Uint8Array
      ? entry("blob", bodies.put("blob", Buffer.from(value as string)))
      : value;
  const putTree = (entries: Entries): Entry => {
    const list = entries instanceof Map ? [...entries] : Object.entries(entries);
    const made = list.map(([name, value]: [string, Value]): TreeEntry => {
      const { mode, oid } = put(value);
      return { mode, name, oid };
    });
    return entry("tree", bodies.put("tree", encodeTree(made)));
  };
  const listed = (oid: Oid) => bodies.get(oid).toString("latin1").split("\0").slice(0, -1);
  const bytes = (of: Entry) => new Uint8Array(bodies.get(of.oid));
  const run = (_tool: Entry, args: Record<string, Value>) => {
    const given = (name: string) => put(args[name] as Value).oid;
    const folder = mkdtempSync(join(tmpdir(), "coppice-tool-"));
    try {
      write(bodies, given("in"), folder);
      const [name = "", ...rest] = listed(given("argv"));
      const env = listed(given("env")).map((each) => each.split(/=(.*)/s).slice(0, 2) as [string, string]);
      const ended = spawnSync(
        name,
        rest.map((arg) => Buffer.from(arg.replace(/^\/dev\/fd/, `${folder}$&`), "latin1").toString("utf8")),
        {
          cwd: join(folder, bodies.get(given("cwd")).toString("utf8")),
          env: Object.fromEntries(env),
          input: bodies.get(given("stdin")),
        },
      );
      const out = entry("tree", treeOf(bodies, folder));
      return putTree({ exit: String(ended.status), out, stderr: ended.stderr, stdout: ended.stdout });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const real = makeFolder();
  const tree = entry("tree", treeOf(bodies, real));
  rmSync(real, { recursive: true });
  const empty = putTree({});
  const result = await shell({
    args: {
      argv: put(encodeStrings(["bash", ...argv])),
      cwd: put("/"),
      env: put(encodeEnvironment(environment)),
      in: tree,
      known: put(encodeStrings(names)),
      stdin: put(stdin),
      tools: putTree(Object.fromEntries(names.map((name) => [name, empty]))),
    },
    tree: ({ oid }: Entry) =>
      decodeTree(bodies.get(oid)).map(({ mode, name, oid: named }) => ({
        ...entry(mode === "40000" ? "tree" : "blob", named, mode),
        name,
      })),
    bytes,
    text: (of: Entry) => Buffer.from(bytes(of)).toString("utf8"),
    putBlob: put,
    putTree,
    entry,
    run: async (tool: Entry, args: Record<string, Value>) => run(tool, args),
  });
  const text = (name: string) => bodies.get(put(result.get(name) as Value).oid).toString("latin1");
  const out = (result.get("out") as Entry).oid;
  return { stdout: text("stdout"), stderr: text("stderr"), exit: Number(text("exit")), out };
}

function write(bodies: Bodies, tree: Oid, folder: string): void {
  for (const { mode, name, oid } of decodeTree(bodies.get(tree))) {
    const path = join(folder, name);
    if (mode === "40000") {
      mkdirSync(path);
      write(bodies, oid, path);
    } else if (mode === "120000") symlinkSync(bodies.get(oid).toString("utf8"), path);
    else {
      writeFileSync(path, bodies.get(oid));
      if (mode === "100755") chmodSync(path, 0o755);
    }
  }
}
