import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { emptyTree } from "../../src/store/object.ts";
import { file, fixtures, fold, foldText, folder, gitlink, symlink, type Node } from "./forest.ts";
import { createModelHost, type ModelHost } from "./model-host.ts";
import { standardLibrary } from "./standard-library.ts";

let std: Record<string, Uint8Array>;
beforeAll(async () => {
  std = await standardLibrary();
});
const host = (): ModelHost => createModelHost({ std });
const visit = (node: Node, visitor: string): string => foldText(host(), node, `/cas/std/${visitor}`);

interface Count {
  files: number;
  lines: number;
  bytes: number;
}

/** The language of names and contents that the random trees below are made of. */
const languageOfName: Readonly<Record<string, string>> = {
  "a.py": "Python",
  "b.C": "C",
  "b.h": "C",
  "x.test.ts": "TypeScript",
  "archive.tar.JSON": "JSON",
  Makefile: "Makefile",
  "Makefile.go": "Go",
  ".bashrc": "Shell",
  ".c": "Other",
  "trailing.": "Other",
  "with space.rs": "Rust",
  "of.no known": "Other",
  makefiles: "Other",
  '"quoted\\\n.md': "Markdown",
  "日本.yml": "YAML",
  "😀": "Other",
};
const languageOfContent: Readonly<Record<string, string>> = {
  "#!/bin/sh\nexit\n": "Shell",
  "#!/usr/bin/env python3.11\n": "Python",
  "#! /usr/bin/env -S A=1 node --flag\nx": "JavaScript",
  "#!/usr/bin/perl5 -w": "Perl",
  "#!/usr/bin/env\n": "Other",
  "#!": "Other",
  "#!/opt/unknown9\r\n": "Other",
  [`#!/bin/sh ${"x".repeat(300)}\n`]: "Other",
  "#!/bin/sh ü\n": "Other",
  "": "Other",
};

function linesOf(content: Uint8Array): number {
  return content.filter((byte) => byte === 0x0a).length;
}

function contentOf(node: Node): Uint8Array {
  if (node.is === "symlink") return Buffer.from(node.target);
  return node.is === "file" ? Buffer.from(node.content) : Buffer.alloc(0);
}

function leaves(node: Node, name = ""): { name: string; node: Node }[] {
  if (node.is !== "folder") return [{ name, node }];
  return Object.entries(node.nodes).flatMap(([child, below]) => leaves(below, child));
}

function statistics(root: Node): string {
  const counts = new Map<string, Count>();
  for (const { name, node } of leaves(root)) {
    const content = contentOf(node);
    const isBinary = content.subarray(0, 8000).includes(0);
    let language = languageOfName[name] ?? "Other";
    if (language === "Other") language = languageOfContent[Buffer.from(content).toString("utf8")] ?? "Other";
    if (isBinary) language = "Binary";
    if (node.is === "symlink") language = "Symlink";
    if (node.is === "gitlink") language = "Submodule";
    const count = counts.get(language) ?? { files: 0, lines: 0, bytes: 0 };
    counts.set(language, count);
    count.files += 1;
    if (node.is !== "file") continue;
    count.lines += isBinary ? 0 : linesOf(content);
    count.bytes += content.length;
  }
  const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = sorted.map(([language, count]) => `\n${JSON.stringify(language)}: ${JSON.stringify(count)}`);
  return `{${rows.join(",")}\n}\n`;
}

const content = fc.oneof(
  fc.constantFrom(...Object.keys(languageOfContent)),
  fc.array(fc.constantFrom("a", "\n", "\r\n", "ä", "\0", "        ")).map((parts) => parts.join("")),
  fc.uint8Array({ maxLength: 40 }),
  fc.nat(9000).map((length) => Buffer.concat([Buffer.alloc(length, "x\n"), Buffer.of(0)])),
);
const leaf: fc.Arbitrary<Node> = fc.oneof(
  { weight: 5, arbitrary: content.map(file) },
  { weight: 1, arbitrary: fc.constantFrom("a.py", "dir/\n", "x").map(symlink) },
  { weight: 1, arbitrary: fc.constantFrom("1".repeat(40), "a0".repeat(20)).map(gitlink) },
);
const { tree } = fc.letrec<{ tree: Node; node: Node }>((tie) => ({
  tree: fc
    .dictionary(fc.constantFrom(...Object.keys(languageOfName), "sub", "sub-", "sub.x"), tie("node"), { maxKeys: 6 })
    .map(folder),
  node: fc.oneof({ maxDepth: 3 }, leaf, tie("tree")),
}));

describe("any tree", () => {
  const property = (visitor: string, expected: (root: Node) => string): void => {
    fc.assert(
      fc.property(tree, (root) => {
        expect(visit(root, visitor)).toBe(expected(root));
      }),
      { numRuns: 60 },
    );
  };
  const total = (root: Node, measure: (node: Node) => number): string =>
    `${leaves(root).reduce((sum, { node }) => sum + measure(node), 0)}\n`;

  test("file-count counts its leaves", () => {
    property("file-count", (root) => total(root, () => 1));
  });
  test("line-count counts its newlines", () => {
    property("line-count", (root) => total(root, (node) => linesOf(contentOf(node))));
  });
  test("byte-count counts its bytes, with the text of symlinks and without submodules", () => {
    property("byte-count", (root) => total(root, (node) => contentOf(node).length));
  });
  test("language-stats counts files, lines and bytes by language", () => {
    property("language-stats", statistics);
  });
});

describe("fixtures", () => {
  test.each(["wide", "deep", "bench"] as const)("%s is counted right by each visitor", (name) => {
    const all = leaves(fixtures[name]).map(({ node }) => Buffer.from(contentOf(node)));
    const lines = all.reduce((sum, each) => sum + linesOf(each), 0);
    const bytes = all.reduce((sum, each) => sum + each.length, 0);
    expect(visit(fixtures[name], "line-count")).toBe(`${lines}\n`);
    expect(visit(fixtures[name], "byte-count")).toBe(`${bytes}\n`);
    const stats = JSON.parse(visit(fixtures[name], "language-stats")) as Record<string, Count>;
    const links = name === "wide" ? { Symlink: { files: 1, lines: 0, bytes: 0 } } : {};
    const text = { files: lines, lines, bytes: name === "wide" ? bytes - "f1.txt".length : bytes };
    expect(stats).toEqual({ "Plain text": text, ...links });
  });
});

describe("line-count", () => {
  test("an unfinished last line does not count", () => {
    expect(visit(file(""), "line-count")).toBe("0\n");
    expect(visit(file("a"), "line-count")).toBe("0\n");
    expect(visit(file("a\nb"), "line-count")).toBe("1\n");
    expect(visit(file("\n".repeat(1001)), "line-count")).toBe("1001\n");
  });

  test("bytes near a newline are not taken for one", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(visit(file(Buffer.concat([bytes, bytes, Buffer.of(0x8a, 0x0b, 0x09)])), "line-count")).toBe("2\n");
  });
});

describe("byte-count", () => {
  test("a gitlink that is the root shows as the 40 bytes that stand for it", () => {
    expect(visit(gitlink("1".repeat(40)), "byte-count")).toBe("40\n");
    expect(visit(folder({ module: gitlink("1".repeat(40)) }), "byte-count")).toBe("0\n");
  });
});

describe("language-stats", () => {
  test("a report has one line a language", () => {
    const root = folder({ "a.c": file("1\n2\n"), sub: folder({ "b.py": file("x"), "c.h": file("\n") }) });
    expect(visit(root, "language-stats")).toBe(
      '{\n"C": {"files":2,"lines":3,"bytes":5},\n"Python": {"files":1,"lines":0,"bytes":1}\n}\n',
    );
    expect(visit(folder({}), "language-stats")).toBe("{\n}\n");
  });

  test("a file that is the root has a record", () => {
    expect(visit(file("#!/usr/bin/python3\n"), "language-stats")).toBe(
      '{"lines":1,"bytes":19,"binary":false,"interpreter":"python"}\n',
    );
    expect(visit(file("#!/bin/sh\n\0"), "language-stats")).toBe(
      '{"lines":0,"bytes":11,"binary":true,"interpreter":""}\n',
    );
  });

  test("what is no report of its own fails the folder", () => {
    const at = host();
    const args = at.putTree([
      { mode: "40000", name: "children", oid: at.putTree([{ mode: "100644", name: "a", oid: at.putBlob('{"x":1}') }]) },
      { mode: "40000", name: "in", oid: at.putTree([]) },
    ]);
    const outcome = at.settle(at.request("/cas/std/language-stats", args));
    expect(outcome).toMatchObject({
      kind: "failed",
      message: `not a report of language-stats: ${at.putBlob('{"x":1}')}`,
    });
  });

  test("a word of the table stands for one language", async () => {
    // Read as a module at run time: it is AssemblyScript, whose types this project's compiler does not know.
    const url = pathToFileURL(join(import.meta.dirname, "../../workers/language-stats/languages.ts")).href;
    const { languages } = (await import(/* @vite-ignore */ url)) as { languages: readonly string[] };
    expect(languages.length % 4).toBe(0);
    const names = languages.filter((_, at) => at % 4 === 0);
    expect(names.length).toBeGreaterThan(60);
    expect(new Set(names).size).toBe(names.length);
    for (const column of [1, 2, 3]) {
      const words = languages.filter((_, at) => at % 4 === column).flatMap((cell) => cell.split(" ").filter(Boolean));
      expect(words.toSorted()).toEqual([...new Set(words)].toSorted());
      if (column === 1) expect(words.every((word) => /^\.[^A-Z.]+$/.test(word))).toBe(true);
    }
  });
});

describe("dirs-only", () => {
  test("nothing but folders is left", () => {
    const at = host();
    const sub = at.putTree([]);
    const entries = [
      { mode: "100644", name: "a", oid: at.putBlob("x") },
      { mode: "120000", name: "b", oid: at.putBlob("x") },
      { mode: "40000", name: "c", oid: sub },
      { mode: "160000", name: "d", oid: at.putBlob("y") },
      { mode: "40000", name: "ü", oid: sub },
    ] as const;
    const args = at.putTree([{ mode: "40000", name: "in", oid: at.putTree(entries) }]);
    expect(at.settle(at.request("/cas/std/dirs-only", args))).toEqual({
      kind: "tree",
      oid: at.putTree([entries[2], entries[4]]),
    });
  });

  test("a file has none", () => {
    expect(fold(host(), file("x"), "/cas/std/dirs-only")).toEqual({ kind: "tree", oid: emptyTree });
  });
});
