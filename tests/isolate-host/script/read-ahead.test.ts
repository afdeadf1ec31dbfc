/** What comes along with answers is a guess that nobody can tell: the same end, the same objects read in the same order, and fewer questions. */
import { afterAll, beforeAll, expect, test } from "vitest";
import * as fc from "fast-check";
import { alongResults, ReadAhead } from "../../../src/isolate-host/script/read-ahead.ts";
import type { ScriptChild } from "../../../src/isolate-host/script/script-child.ts";
import type { GitObject } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { encodeTree, type TreeEntry } from "../../../src/store/tree.ts";
import { endText, jobOf, MemoryFrame, runToEnd } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

let child: ScriptChild;
beforeAll(() => {
  child = new OwnChild({ heapMb: 128 });
});
afterAll(() => child.close());

interface Folder {
  readonly [name: string]: string | Folder;
}

function put(frame: MemoryFrame, folder: Folder): Oid {
  const entries = Object.entries(folder).map(([name, what]): TreeEntry => {
    if (typeof what !== "string") return { name, mode: "40000", oid: put(frame, what) };
    return { name, mode: "100644", oid: frame.put("blob", Buffer.from(what)) };
  });
  return frame.put("tree", encodeTree(entries));
}

function numbered(count: number, of: (at: number) => string | Folder = (at) => `text ${at}`): Folder {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`e${String(at).padStart(4, "0")}`, of(at)]));
}

/** Questions until the files or folders are read at those places, in that order. */
function questions(count: number, places: readonly number[], kind: "blob" | "tree" = "blob"): number {
  const frame = new MemoryFrame();
  const tree = put(frame, numbered(count, kind === "tree" ? (at) => ({ [`f${at}`]: "x" }) : undefined));
  const names = [...frame.objects]
    .filter(([name, object]) => name !== tree && object.kind === kind)
    .map(([name]) => name);
  const ahead = new ReadAhead();
  ahead.noteTree((frame.objects.get(tree) as GitObject).body);
  let along: readonly { readonly oid: Oid }[] = [];
  let asked = 0;
  for (const place of places) {
    const name = names[place] as Oid;
    if (along.some(({ oid }) => oid === name)) ahead.noteUse();
    else {
      asked++;
      const more = ahead.following(kind, name, (each) => frame.objects.get(each));
      if (more.length > 0) along = more;
    }
  }
  return asked;
}

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

test("a folder's files that are read in order are asked for in ever larger parts", () => {
  expect(questions(100, upTo(100))).toBe(6);
  expect(questions(1000, upTo(1000), "tree")).toBe(20);
});

test("every other file of a folder is still worth bringing", () => {
  expect(
    questions(
      200,
      upTo(100).map((at) => 2 * at),
    ),
  ).toBeLessThan(15);
});

test("what is read here and there brings next to nothing, and is no more looked for", () => {
  const places = upTo(300).map((at) => (at * 7919) % 1000);
  const frame = new MemoryFrame();
  const tree = put(frame, numbered(1000));
  const names = [...frame.objects.keys()];
  const ahead = new ReadAhead();
  ahead.noteTree((frame.objects.get(tree) as GitObject).body);
  let along = 0;
  const looks: Oid[] = [];
  const near = (name: Oid) => {
    looks.push(name);
    return frame.objects.get(name);
  };
  for (const place of places) along += ahead.following("blob", names[place] as Oid, near).length;
  expect(along).toBeLessThan(100);
  expect(looks.length).toBeLessThan(100);
});

test("nothing comes along with one file of a folder, nor what is not at hand", () => {
  const frame = new MemoryFrame();
  const tree = put(frame, numbered(10));
  const [first, second] = [...frame.objects.keys()] as [Oid, Oid];
  const ahead = new ReadAhead();
  ahead.noteTree((frame.objects.get(tree) as GitObject).body);
  expect(ahead.following("blob", first, (each) => frame.objects.get(each))).toEqual([]);
  expect(ahead.following("blob", second, () => undefined)).toEqual([]);
});

test("a tree that is not sound is left to be asked for", () => {
  const frame = new MemoryFrame();
  const [sound, unsound] = [put(frame, { a: "a" }), frame.put("tree", Buffer.from("no tree"))];
  const outcomes = [sound, unsound].map((oid) => ({ kind: "tree", oid }) as const);
  expect(alongResults(outcomes, (name) => frame.objects.get(name)).map(({ oid }) => oid)).toEqual([sound]);
});

test("results that come with their outcome are read as if asked for", () => {
  const module = `exports.default = async (job) => {
    const made = await job.runMany([{ worker: "a" }, { worker: "b" }]);
    return [job.tree(made[0]).map(({ name }) => name), job.text(made[1]), job.text(job.tree(made[0])[0])];
  }`;
  const said = [false, true].map((hasNear) => {
    const frame = new MemoryFrame();
    frame.hasNear = hasNear;
    const tree = put(frame, { one: "1", two: "2" });
    const text = frame.put("blob", Buffer.from("text"));
    const end = runToEnd(child, frame, jobOf(frame, module), (image) =>
      image === "a" ? { kind: "tree", oid: tree } : { kind: "blob", oid: text },
    );
    return [endText(end), frame.reads];
  });
  expect(said[0]).toEqual(said[1]);
  expect(said[0]?.[0]).toBe('[["one","two"],"text","1"]');
});

/** Goes where the numbers lead: into a folder, to a file, or back to the root; changes what it was given. */
const wanderer = `exports.default = (job) => {
  let at = job.tree(job.argsTree).find(({ name }) => name === "in");
  const steps = JSON.parse(job.text(job.args.steps));
  let said = "";
  let here = job.tree(job.entry("tree", job.text(job.args.root)));
  const root = here;
  for (const step of steps) {
    const entry = here[step % (here.length + 1)];
    if (entry === undefined) here = root;
    else if (entry.kind === "tree") here = job.tree(entry);
    else {
      const bytes = job.bytes(entry);
      said += bytes.length + ":" + bytes[0] + " ";
      bytes.fill(0);
    }
    try { if (step % 17 === 0) job.tree(job.entry("tree", entry.oid)); } catch (error) { said += error.message; }
  }
  return said;
}`;

test("whatever way a script goes through folders, it comes to the same end and has read the same, with and without", () => {
  const file = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 20 });
  const { folder } = fc.letrec<{ folder: Folder; entry: string | Folder }>((tie) => ({
    folder: fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie("entry"), { minKeys: 1, maxKeys: 12 }),
    entry: fc.oneof({ depthSize: "small", withCrossShrink: true }, file, tie("folder")),
  }));
  fc.assert(
    fc.property(
      folder,
      fc.oneof(
        fc.array(fc.nat({ max: 30 }), { maxLength: 60 }),
        fc.constant(upTo(60)),
        fc.constant([...upTo(40), ...upTo(40)]),
      ),
      (tree, steps) => {
        const said = [false, true].map((hasNear) => {
          const frame = new MemoryFrame();
          frame.hasNear = hasNear;
          const root = put(frame, tree);
          const end = runToEnd(child, frame, jobOf(frame, wanderer, { in: "", root, steps: JSON.stringify(steps) }));
          return { end: endText(end), reads: frame.reads };
        });
        expect(said[1]).toEqual(said[0]);
        expect(said[0]?.end).not.toMatch(/^(?:failed|exhausted)/);
      },
    ),
    { numRuns: 60 },
  );
});
