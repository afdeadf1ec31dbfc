/** The tree that commands of our own work on: what they read of it is asked for, and let go of. */
import { expect, test } from "vitest";
import type { Entry, TreeEntry } from "../../src/worker.ts";
import { TreeFiles } from "../../workers/shell/files.ts";

const refuse = () => {
  throw new Error("nothing is written");
};

test("of many files that are read once none is kept but the last few", () => {
  const names = Array.from({ length: 9 }, (_, at) => `file${at}`);
  const oids = names.map((_, at) => `${at}`.repeat(40));
  const read: string[] = [];
  const root = { oid: "f".repeat(40), kind: "tree" } as Entry;
  const tree = new TreeFiles(
    {
      tree: () => names.map((name, at) => ({ name, mode: "100644", kind: "blob", oid: oids[at] }) as TreeEntry),
      bytes: (blob: Entry | string) => {
        const oid = typeof blob === "string" ? blob : blob.oid;
        read.push(oid);
        return Buffer.from(oid, "latin1");
      },
      putBlob: refuse,
      putTree: refuse,
      entry: refuse,
    },
    root,
    () => false,
  );
  for (const [at, name] of names.entries()) expect(tree.text(`/${name}`)).toBe(oids[at]);
  expect(tree.text("/file8")).toBe(oids[8]);
  expect(read).toEqual(oids);
  expect(tree.text("/file0")).toBe(oids[0]);
  expect(read).toEqual([...oids, oids[0]]);
});
