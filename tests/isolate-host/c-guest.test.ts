/** A program in C, compiled elsewhere and kept as bytes, runs as it is: alone, and as the visitor of a fold. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Oid } from "../../src/store/oid.ts";
import { lines, sharedRoom, withEngine } from "../guests/room.ts";

const room = sharedRoom();
const module = new Uint8Array(readFileSync(new URL("../guests/c/word-count.wasm", import.meta.url)));
const file = (name: string, oid: Oid) => ({ mode: "100644", name, oid }) as const;
const folder = (name: string, oid: Oid) => ({ mode: "40000", name, oid }) as const;

test.each([
  ["nothing", "", "0"],
  ["white space", " \t\r\n\v\f ", "0"],
  ["words", "one two\nthree", "3"],
  ["words amid white space", "\n  one\t\ttwo  \n", "2"],
  ["NUL, quotes and text beyond ASCII", '"a" \0 é 😀\\', "4"],
  ["more than a page", "word ".repeat(100_000), "100000"],
])("it counts the words of a blob: %s", async (_what, content, words) => {
  const log: string[] = [];
  const result = await room.run(module, { in: content }, { onLog: ({ line }) => log.push(line) });
  expect(lines(room.engine, result)).toEqual([words]);
  expect(log).toEqual([`${words} words in a blob`]);
});

test("it says why it can't, in its last line", async () => {
  const result = await room.run(module);
  expect(result.outcome).toEqual({ kind: "failed", code: "trap", message: "word-count: there is no argument `in`" });
  const children = room.engine.putTree([file("x", room.blob("many\n"))]);
  const misled = await room.run(module, { in: { oid: room.engine.putTree([]) }, children: { oid: children } });
  expect(misled.outcome).toMatchObject({ message: "word-count: a child's result is no count" });
});

test("as the visitor of a fold it counts a whole tree, the same however deep frames may nest", async () => {
  const runs = await Promise.all(
    [1, 3, 64].map((nestedFramesMax) =>
      withEngine({ nestedFramesMax }, async (engine) => {
        const blob = (content: string) => engine.putBlob(Buffer.from(content));
        const empty = engine.putTree([]);
        const odd = engine.putTree([
          file('quo"te, \\ and \n', blob("six words, one of them: six")),
          file('","kind":"blob","hash":"', blob("one")),
          folder("empty", empty),
        ]);
        const root = engine.putTree([
          file("a.txt", blob("one two three")),
          folder("odd", odd),
          folder("same", odd),
          { mode: "120000", name: "link", oid: blob("a.txt") },
          { mode: "160000", name: "module", oid: empty },
        ]);
        const log: string[] = [];
        const post = engine.addWorker(module);
        const result = await engine.fold({ in: root, post, onLog: ({ line }) => log.push(line) });
        const again = await engine.fold({ in: root, post });
        expect(again.jobs).toEqual({ executed: 0, frames: 0, memoized: 1 });
        return {
          words: lines(engine, result),
          request: result.request,
          executed: result.jobs.executed,
          log: log.toSorted(),
        };
      }),
    ),
  );
  const [first] = runs;
  expect(first).toMatchObject({
    words: ["19"],
    log: [
      "0 words in a tree of 0",
      "1 words in a blob",
      "1 words in a blob",
      "1 words in a blob",
      "19 words in a tree of 5",
      "3 words in a blob",
      "6 words in a blob",
      "7 words in a tree of 3",
    ],
  });
  for (const each of runs) expect(each).toEqual(first);
});
