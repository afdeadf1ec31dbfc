import { beforeAll, describe, expect, test } from "vitest";
import vectors from "../vectors.json" with { type: "json" };
import { oid } from "../../src/store/oid.ts";
import { file, fixtures, fold, foldText, folder, gitlink, plant, symlink, type Node } from "./forest.ts";
import { createModelHost, requestEntries, type ModelHost } from "./model-host.ts";
import { standardLibrary, testGuest } from "./standard-library.ts";

let std: Record<string, Uint8Array>;
let probe: Uint8Array;
beforeAll(async () => {
  probe = await testGuest("probe");
  std = { ...(await standardLibrary()), picky: await testGuest("picky"), showing: await testGuest("showing") };
});

const host = (): ModelHost => createModelHost({ std });
const message = (made: ModelHost, node: Node, post: string, pre?: string): string => {
  const outcome = fold(made, node, post, pre);
  return outcome.kind === "failed" ? outcome.message : `not failed: ${outcome.oid}`;
};

test("the model forms requests with the oids of the vectors", () => {
  const at = createModelHost();
  for (const { image, args, std: library, salt, oid: expected } of vectors.requests) {
    const entries = requestEntries(
      (content) => at.putBlob(content),
      oid(image),
      oid(args),
      library === "" ? "" : oid(library),
      salt,
    );
    expect(at.putTree(entries)).toBe(expected);
  }
});

describe("fixtures", () => {
  const executes = { wide: 61, deep: 72, bench: 200 };
  for (const name of ["wide", "deep", "bench"] as const) {
    test(`${name} has its oid, its result and its number of jobs`, () => {
      const at = host();
      expect(plant(at, fixtures[name], "in").oid).toBe(vectors.fixtures[name].tree);
      const outcome = fold(at, fixtures[name], "/cas/std/file-count");
      expect(outcome).toEqual({ kind: "blob", oid: vectors.fixtures[name].result });
      expect(at.executed.length).toBe(executes[name]);
      expect(at.lines).toEqual([]);
    });
  }

  test("a second fold of the same tree executes nothing", () => {
    const at = host();
    fold(at, fixtures.wide, "/cas/std/file-count");
    const before = at.executed.length;
    fold(at, fixtures.wide, "/cas/std/file-count");
    expect(at.executed.length).toBe(before);
  });

  test("a change of one file executes its leaf and two jobs a level above it", () => {
    const at = host();
    fold(at, fixtures.wide, "/cas/std/file-count");
    const before = at.executed.length;
    const d1 = fixtures.wide.nodes["d1"] as typeof fixtures.wide;
    const changed = folder({ ...fixtures.wide.nodes, d1: folder({ ...d1.nodes, "f1.txt": file("new\n") }) });
    expect(foldText(at, changed, "/cas/std/file-count")).toBe("31\n");
    expect(at.executed.length - before).toBe(5);
  });

  test("each frame of a fold asks twice: for its children in one batch, and for its post", () => {
    const at = host();
    fold(at, fixtures.deep, "/cas/std/file-count");
    const count = (op: string) => at.calls.filter((call) => call.startsWith(`{"op":"${op}",`)).length;
    expect(count("run_many")).toBe(48);
  });

  test("a fold reads no file", () => {
    const at = host();
    fold(at, fixtures.deep, "/cas/std/file-count");
    const reads = new Set(at.calls.filter((call) => call.startsWith('{"op":"get",')));
    const content = (level: number) => at.putBlob(`level ${level}\n`);
    for (let level = 1; level <= 24; level++) expect(reads).not.toContain(`{"op":"get","hash":"${content(level)}"}`);
  });
});

describe("what a visitor is given", () => {
  // `showing` lists the names, kinds and oids of its args, of `in` and of `children`.
  const shown = (node: Node, pre?: string) => JSON.parse(foldText(host(), node, "/cas/std/showing", pre)) as unknown;

  test("a file that is the root has no children", () => {
    const at = host();
    const made = shown(file("x"));
    expect(made).toEqual({
      args: ["children 40000 " + vectors.empty_tree, `in 100644 ${at.putBlob("x")}`],
      children: [],
    });
  });

  test("an empty folder has no children", () => {
    expect(shown(folder({}))).toEqual({
      args: [`children 40000 ${vectors.empty_tree}`, `in 40000 ${vectors.empty_tree}`],
      children: [],
    });
  });

  test("modes of leaves are dropped, a symlink is its text, a gitlink its commit's digits", () => {
    const commit = vectors.gitlink_in.commit;
    const at = host();
    const node = folder({
      run: { is: "file", content: "x", executable: true },
      link: symlink("run"),
      module: gitlink(commit),
    });
    fold(at, node, "/cas/std/showing");
    const leaf = (content: string): string => {
      const args = at.putTree([
        { mode: "40000", name: "children", oid: oid(vectors.empty_tree) },
        { mode: "100644", name: "in", oid: at.putBlob(content) },
      ]);
      return at.request("/cas/std/showing", args).oid;
    };
    expect(at.putBlob(commit)).toBe(vectors.gitlink_in.in);
    for (const content of ["x", "run", commit]) expect(at.executed).toContain(leaf(content));
    expect(at.executed.length).toBe(5);
  });

  test("leaves of equal content share one job", () => {
    const at = host();
    const node = folder({ a: file("x"), b: symlink("x"), c: { is: "file", content: "x", executable: true } });
    expect(foldText(at, node, "/cas/std/file-count")).toBe("3\n");
    expect(at.executed.length).toBe(3);
  });

  test("a visitor can be a curry, whose bound args it sees beside the fold's", () => {
    const at = createModelHost({ std: { ...std, probe } });
    const curry = at.putTree([
      { mode: "100644", name: ".caos-curry", oid: at.putBlob("1") },
      { mode: "40000", name: "args", oid: at.putTree([{ mode: "100644", name: "do", oid: at.putBlob("text") }]) },
      { mode: "100644", name: "base", oid: at.putBlob("/cas/std/probe") },
    ]);
    expect(foldText(at, file("said by a curry"), curry)).toBe("said by a curry");
  });

  test("results that are trees stand among the children as trees", () => {
    const at = host();
    const outcome = fold(at, folder({ sub: folder({ a: file("x") }), b: file("y") }), "/cas/std/dirs-only");
    expect(outcome.kind).toBe("tree");
    const root = at.calls.filter((call) => call.startsWith('{"op":"put_tree"') && call.includes('"name":"sub"'));
    expect(root.some((call) => call.includes('{"name":"sub","kind":"tree"'))).toBe(true);
  });

  test("names pass through unharmed, whatever UTF-8 they are", () => {
    const names = [
      '"',
      "\\",
      "a\nb",
      "\u0001\t\u007f",
      "ä",
      "日本",
      "😀",
      "\u2028",
      "a b",
      "\ufffd",
      "__proto__x",
      "é\u0301",
    ];
    const at = host();
    const node = folder(Object.fromEntries(names.map((name) => [name, file(`of ${name}`)])));
    const text = foldText(at, folder({ [names.join("")]: node }), "/cas/std/showing");
    const { children } = JSON.parse(text) as { children: string[] };
    expect(children.length).toBe(1);
    expect(children[0]?.startsWith(`${names.join("")} 100644 `)).toBe(true);
    expect(foldText(at, node, "/cas/std/file-count")).toBe(`${names.length}\n`);
  });
});

describe("pre", () => {
  const tree = folder({
    a: file("1"),
    sub: folder({ b: file("2"), deeper: folder({}) }),
    other: folder({ c: file("3") }),
  });

  test("its entries are the children, in every fold below", () => {
    const at = host();
    expect(foldText(at, tree, "/cas/std/file-count", "/cas/std/dirs-only")).toBe("0\n");
    // Four folders, each with a fold, a pre and a post; `deeper` is empty.
    expect(at.executed.length).toBe(12);
  });

  test("it is asked about a file too", () => {
    const at = host();
    expect(foldText(at, file("x"), "/cas/std/file-count", "/cas/std/dirs-only")).toBe("1\n");
    expect(at.executed.length).toBe(3);
  });

  test("its failure names the node", () => {
    expect(message(host(), folder({ sub: folder({}) }), "/cas/std/file-count", "/cas/std/picky")).toBe(
      ".: pre: no children: cannot tell",
    );
  });

  test("its result must be a tree", () => {
    expect(message(host(), folder({}), "/cas/std/file-count", "/cas/std/showing")).toBe(
      ".: pre: argument children is missing",
    );
  });
});

describe("failures", () => {
  // `picky` fails on a file that begins with "bad", saying the file's text, and on a folder that has a child "no".
  const picky = "/cas/std/picky";

  test("a failing file is named by its path", () => {
    const tree = folder({ dir: folder({ sub: folder({ file: file("bad: taste") }) }), good: file("x") });
    expect(message(host(), tree, picky)).toBe("./dir/sub/file: bad: taste");
  });

  test("the first in entry order is named, and its siblings still finish", () => {
    const at = host();
    const tree = folder({
      a: file("x"),
      b: folder({ c: file("bad 1") }),
      d: file("bad 2"),
      e: folder({ f: file("y") }),
    });
    expect(message(at, tree, picky)).toBe("./b/c: bad 1");
    expect(at.executed.length).toBe(1 + 2 + 1 + 1 + 3);
  });

  test("a failing root is a dot", () => {
    expect(message(host(), file("bad"), picky)).toBe(".: bad");
    expect(message(host(), folder({ no: file("x") }), picky)).toBe(".: a child is called no");
  });

  test("a failing folder is named without what stands in it", () => {
    expect(message(host(), folder({ dir: folder({ no: file("x") }) }), picky)).toBe("./dir: a child is called no");
  });

  test("what a visitor says is never taken for a path", () => {
    expect(message(host(), folder({ f: file("bad\n./g: x") }), picky)).toBe("./f: bad\n./g: x");
    expect(message(host(), folder({ d: folder({ f: file("bad") }) }), "/cas/std/picky")).toBe("./d/f: bad");
    const pathLike = folder({ "bad-path": folder({ no: file("./x: y") }) });
    expect(message(host(), pathLike, picky)).toBe("./bad-path: a child is called no");
  });

  test("names that would break the line are written as JSON strings", () => {
    const tree = folder({ 'q"\\': folder({ "a\nb\t\u0001": file("bad") }) });
    expect(message(host(), tree, picky)).toBe('./"q\\"\\\\"/"a\\nb\\t\\u0001": bad');
    expect(message(host(), folder({ "日本 😀": file("bad") }), picky)).toBe("./日本 😀: bad");
  });

  test("a trap without a word is told by the engine's text", () => {
    expect(message(host(), folder({ d: folder({ f: file("trap") }) }), picky)).toBe("./d/f: the guest trapped");
  });

  test("a fold without `in` or `post` says so", () => {
    const at = host();
    const only = (name: string) => at.putTree([{ mode: "100644", name, oid: at.putBlob("/cas/std/file-count") }]);
    const settled = (args: ReturnType<typeof only>) => at.settle(at.request("/cas/std/fold-wasm", args));
    expect(settled(only("in"))).toMatchObject({ kind: "failed", message: "argument post is missing" });
    expect(settled(only("post"))).toMatchObject({ kind: "failed", message: "argument in is missing" });
  });

  test("a visitor that is none is refused by the host before anything starts", () => {
    const at = host();
    expect(message(at, folder({ a: file("x") }), "/cas/std/nobody")).toBe("std has no worker of that name");
    expect(at.executed.length).toBe(1);
    expect(message(host(), folder({ d: folder({}) }), "nonsense")).toBe(
      "./d: the image is neither an oid nor a name in std",
    );
  });

  test("a name that is not UTF-8 is folded like any other, and told byte by byte", () => {
    expect(foldText(host(), oddlyNamed("x"), "/cas/std/file-count")).toBe("2\n");
    expect(message(host(), oddlyNamed("bad"), picky)).toBe('./d/"é\\xff": bad');
  });

  test("a long path is told as far as a failed outcome can hold it", () => {
    expect(message(host(), longNamed(15), picky)).toBe(`.${`/${"x".repeat(200)}`.repeat(15)}: bad`);
    const cut = message(host(), longNamed(30), picky);
    expect(cut.startsWith(`.${`/${"x".repeat(200)}`.repeat(15)}`)).toBe(true);
    expect(cut.length).toBeLessThan(4096);
  });
});

describe("any JSON that says the same", () => {
  // Members in another order, unknown ones among them, every character escaped, white space everywhere.
  const spell = (value: unknown): string => {
    if (Array.isArray(value)) return ` [ ${value.map(spell).join(" , ")} ] `;
    if (typeof value === "string") return `\t"${Array.from(value, escaped).join("")}"\n`;
    const noise = { zzz: [{}, [], { a: [true, false, null, -1.5e3, '\\"'] }], "": "error" };
    const members = [...Object.entries(noise), ...Object.entries(value as object)].toReversed();
    const plain = (key: string, each: unknown) => (key in noise ? JSON.stringify(each) : spell(each));
    return ` {\r\n${members.map(([key, each]) => ` ${spell(key)} : ${plain(key, each)}`).join(",")} } `;
  };
  const escaped = (point: string): string =>
    point === "/" ? "\\/" : [...Array(point.length).keys()].map((at) => escapedUnit(point.charCodeAt(at))).join("");

  test("leads to the same requests and results", () => {
    const tree = folder({
      "😀ä\n": folder({ a: file("1/2\n"), b: symlink("😀") }),
      z: file(Buffer.from([0xff, 0xfb, 0])),
    });
    for (const visitor of ["file-count", "line-count", "byte-count", "language-stats", "showing"]) {
      const usual = host();
      const unusual = createModelHost({ std, spell });
      const post = `/cas/std/${visitor}`;
      expect(fold(unusual, tree, post)).toEqual(fold(usual, tree, post));
      expect(unusual.executed).toEqual(usual.executed);
    }
  });
});

function escapedUnit(code: number): string {
  return `\\u${code.toString(16).padStart(4, "0").toUpperCase()}`;
}

/** A failing file so many folders down, each with a name of 200 letters. */
function longNamed(depth: number): Node {
  return depth === 0 ? file("bad") : folder({ ["x".repeat(200)]: longNamed(depth - 1) });
}

/** Two files in a folder, named by bytes that are not UTF-8. */
function oddlyNamed(content: string): Node {
  return folder({ d: folder({ "é\udcff": file(content), "\udce9": file("x") }) });
}
