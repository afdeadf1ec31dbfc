/** A worker's script: what its bytes follow from, what it can do, what is refused and how that is told. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Script, createContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Job, Worker } from "coppice/worker";
import { bundleScript } from "../../src/script-bundle.ts";
import { positionOf } from "../../src/script-position.ts";
import { UnfitScript, isScriptPath } from "../../src/unfit-script.ts";

let room = "";
beforeEach(() => {
  room = realpathSync(mkdtempSync(join(tmpdir(), "coppice-bundle-")));
});
afterEach(() => {
  rmSync(room, { recursive: true });
});

type Files = Readonly<Record<string, string>>;

function write(folder: string, files: Files): string {
  for (const [name, text] of Object.entries(files)) {
    const path = join(room, folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return join(room, folder);
}

async function codeOf(file: string): Promise<string> {
  return Buffer.from((await bundleScript(file)).code).toString("utf8");
}

/** What gives a script's default export, made anew at each call, in a realm with nothing of Node's in it. */
function evaluate(code: Uint8Array | string, realm = createContext({})): () => unknown {
  const text = typeof code === "string" ? code : Buffer.from(code).toString("utf8");
  const body = new Script(`(function (module, exports) {${text}\n})`, { filename: "worker" });
  const factory = body.runInContext(realm) as (module: { exports: unknown }, exports: object) => void;
  return () => {
    const module = { exports: {} };
    factory(module, module.exports);
    return module.exports;
  };
}

async function resultOf(files: Files): Promise<unknown> {
  const { code } = await bundleScript(join(write(".", files), "worker.ts"));
  return (evaluate(code)() as () => unknown)();
}

async function refusalOf(files: Files, entry = "worker.ts"): Promise<UnfitScript> {
  try {
    await bundleScript(join(write("refused", files), entry));
  } catch (error) {
    if (error instanceof UnfitScript) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

test("a script is a CommonJS module, literally", async () => {
  const folder = write("literal", {
    "worker.ts":
      "interface A { b: number }\nexport default async ({ b }: A): Promise<number> => b;\nexport const c = 1;\n",
  });
  expect(await codeOf(join(folder, "worker.ts"))).toBe(
    'module.exports=\n(()=>{"use strict";var coppiceWorker;\n(()=>{var worker_default=async({b})=>b;coppiceWorker=worker_default;})();\nreturn coppiceWorker})()\n',
  );
});

test("a script evaluates its modules afresh at each call, in strict mode, and binds nothing", async () => {
  const folder = write("fresh", {
    "worker.ts": `import { next } from "./count.ts";\nexport default function (this: unknown) { return [next(), this === undefined]; }`,
    "count.ts": "let count = 0;\nexport const next = () => ++count;",
  });
  const realm = createContext({});
  const start = evaluate(await codeOf(join(folder, "worker.ts")), realm) as () => () => unknown;
  const first = start();
  first();
  expect([first(), start()()]).toEqual([
    [2, true],
    [1, true],
  ]);
  expect(Object.keys(realm)).toEqual([]);
});

test("names of functions and classes are what their author wrote", async () => {
  const names = await resultOf({
    "worker.ts":
      "class ParseError extends Error {}\nfunction parse() {}\nexport default () => [ParseError.name, parse.name].join();",
  });
  expect(names).toBe("ParseError,parse");
});

describe("the bytes of a script", () => {
  const project: Files = {
    "package.json": '{"name":"project","type":"module","imports":{"#own":"./src/own.ts"}}',
    "src/index.ts": [
      'import old, { part } from "old";',
      'import { used } from "@scope/new";',
      'import linked from "linked";',
      'import own from "#own";',
      'import table from "./table.json";',
      'import words from "./words.txt" with { type: "text" };',
      "class Field { at = 1; }",
      "export default async () => {",
      '  const { late } = await import("./late.ts");',
      "  return [old(), part, used(), linked, own, table.a, words, late, new Field().at].join();",
      "};",
    ].join("\n"),
    "src/own.ts": "export default 'own' as string;",
    "src/late.ts": 'import { used } from "@scope/new";\nexport const late = `late ${used()}`;',
    "src/table.json": '{"b":2,"a":1}',
    "src/words.txt": "words",
    "node_modules/old/package.json": '{"name":"old","main":"lib"}',
    "node_modules/old/lib/index.js":
      'var part = require("./deep/part");\nexports = module.exports = function () { return "old"; };\nexports.part = part;',
    "node_modules/old/lib/deep/part.js": 'module.exports = "part";',
    "node_modules/@scope/new/package.json":
      '{"name":"@scope/new","type":"module","exports":"./index.js","sideEffects":false}',
    "node_modules/@scope/new/index.js":
      'import "./unused.js";\nexport const used = () => "used";\nexport const other = () => "other";',
    "node_modules/@scope/new/unused.js": "globalThis.touched = true;",
  };
  const linked: Files = {
    "package.json": '{"name":"linked","main":"main.js"}',
    "main.js": 'module.exports = "linked";',
  };

  /** The project in `folder`, with the packages that `node_modules` names elsewhere. */
  function lay(folder: string): string {
    write(folder, project);
    write(`${folder}/packages/linked`, linked);
    symlinkSync("../packages/linked", join(room, folder, "node_modules/linked"), "junction");
    return join(room, folder, "src/index.ts");
  }

  test("are those of a worker that does as it says, and name no path", async () => {
    const { code, map, files } = await bundleScript(lay("a"));
    const text = Buffer.from(code).toString("utf8");
    expect(await (evaluate(code)() as () => unknown)()).toBe("old,part,used,linked,own,1,words,late used,1");
    for (const part of [room, "node_modules", "index.js", "/", "other"]) expect(text).not.toContain(part);
    expect(map).not.toContain(room);
    const { sources } = JSON.parse(map) as { sources: string[] };
    expect(sources.filter((source) => source !== "").toSorted()).toEqual([
      "@scope/new/index.js",
      "index.ts",
      "late.ts",
      "linked/main.js",
      "old/lib/deep/part.js",
      "old/lib/index.js",
      "own.ts",
      "table.json",
      "words.txt",
    ]);
    expect(files).toContain(join(room, "a/src/words.txt"));
    expect(files).toContain(join(room, "a/packages/linked/main.js"));
    expect(files).toHaveLength(10);
  });

  test("do not follow from where the project is, nor from where its packages are", async () => {
    const first = await codeOf(lay("a"));
    expect(await codeOf(lay("some/where/deeper/index"))).toBe(first);

    const moved = lay("moved");
    cpSync(join(room, "moved/node_modules"), join(room, "elsewhere/of/packages"), {
      recursive: true,
      verbatimSymlinks: false,
    });
    rmSync(join(room, "moved/node_modules"), { recursive: true });
    symlinkSync(join(room, "elsewhere/of/packages"), join(room, "moved/node_modules"), "junction");
    expect(await codeOf(moved)).toBe(first);

    const entry = lay("stored");
    cpSync(join(room, "stored/node_modules/old"), join(room, "links/old/1.0.0/node_modules/old"), { recursive: true });
    rmSync(join(room, "stored/node_modules/old"), { recursive: true });
    symlinkSync(join(room, "links/old/1.0.0/node_modules/old"), join(room, "stored/node_modules/old"), "junction");
    expect(await codeOf(entry)).toBe(first);

    symlinkSync(lay("target"), join(room, "alias.ts"));
    expect(await codeOf(join(room, "alias.ts"))).toBe(first);
  });

  test("do not follow from a tsconfig.json, beside the worker or above", async () => {
    const first = await codeOf(lay("a"));
    const settings = JSON.stringify({
      compilerOptions: {
        target: "es5",
        useDefineForClassFields: false,
        experimentalDecorators: true,
        verbatimModuleSyntax: true,
        alwaysStrict: true,
        jsx: "preserve",
        paths: { old: ["./other.js"], "#own": ["./other.js"] },
      },
    });
    const entry = lay("below/b");
    write("below", { "tsconfig.json": settings, "other.js": "export default 0" });
    write("below/b/src", { "tsconfig.json": settings, "other.js": "export default 0" });
    expect(await codeOf(entry)).toBe(first);
  });

  test("do not follow from the environment or the current folder", async () => {
    const entry = lay("a");
    const first = await codeOf(entry);
    write("other/node_modules/old", { "index.js": "module.exports = 0" });
    write("other", { ".pnp.cjs": "module.exports = {}", "tsconfig.json": "not json" });
    const program = `
      const { bundleScript } = await import(${JSON.stringify(new URL("../../src/script-bundle.ts", import.meta.url).href)});
      process.stdout.write((await bundleScript(${JSON.stringify(entry)})).code);`;
    const run = (env: Record<string, string>) =>
      execFileSync(process.execPath, ["--input-type=module", "-e", program], {
        cwd: join(room, "other"),
        env,
        encoding: "utf8",
      });
    const strange = { TZ: "Asia/Kathmandu", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", HOME: join(room, "other") };
    const node = { NODE_PATH: join(room, "other/node_modules"), NODE_ENV: "development", ESBUILD_MAX_BUFFER: "0" };
    expect([run({}), run({ ...strange, ...node })]).toEqual([first, first]);
  });

  test("do not follow from comments, white space or types", async () => {
    const plain = write("plain", {
      "worker.ts": 'import f from "f";\nimport { a } from "./a.ts";\nexport default (x: number) => f(a) + `${x}`;',
      "a.ts": "export const a = 1;",
      "node_modules/f/index.js": "module.exports = function f(x) { return x; };",
    });
    const wordy = write("wordy", {
      "worker.ts":
        '#!/usr/bin/env node\n/*! @license kept elsewhere */\nimport f /* f */ from "f";\nimport { type B, a } from "./a.ts";\n\n\n/** @preserve */\nexport default (\n  // x\n  x: number | B,\n) =>\n  /* istanbul ignore next */ f(/* a */ a) + `${/* x */ x}`; // end',
      "a.ts": "// a\nexport type B = string;\nexport const a /* one */ = 1 as const; //# sourceMappingURL=a.js.map",
      "node_modules/f/index.js": "// Copyright\nmodule.exports = function f(x) {\n  //! legal\n  return x; /* x */ };",
    });
    expect(await codeOf(join(wordy, "worker.ts"))).toBe(await codeOf(join(plain, "worker.ts")));
  });
});

describe("what can be imported", () => {
  test("a text, bytes and JSON, by the import's attributes or a usual ending", async () => {
    const result = await resultOf({
      "worker.ts": [
        'import bytes from "./a.bin" with { type: "bytes" };',
        'import text from "./a.html" with { type: "text" };',
        'import note from "./note.txt";',
        'import json from "./a.json" with { type: "json" };',
        "export default () => [bytes.join(), text, note, json.a].join(' ');",
      ].join("\n"),
      "a.bin": "\u0001\u0002",
      "a.html": "<b>",
      "note.txt": "note",
      "a.json": '{"a":"json"}',
    });
    expect(result).toBe("1,2 <b> note json");
  });

  test("what packages offer where there is no Node: `browser` in package.json and conditions", async () => {
    const result = await resultOf({
      "worker.ts": 'import a from "a";\nimport b from "b";\nexport default () => a + b;',
      "node_modules/a/package.json": '{"main":"node.js","browser":{"./node.js":"./browser.js","fs":false}}',
      "node_modules/a/node.js": "require('fs').readFileSync; module.exports = 'node';",
      "node_modules/a/browser.js": "require('fs').readFileSync; module.exports = process.env.NODE_ENV;",
      "node_modules/b/package.json": '{"exports":{"node":"./n.js","worker":"./w.js","default":"./d.js"}}',
      "node_modules/b/w.js": "export default ' worker';",
    });
    expect(result).toBe("production worker");
  });

  test("a CommonJS default export as Node has it, by the importer's package.json", async () => {
    const files = {
      "worker.ts": 'import a from "a";\nexport default () => typeof a;',
      "node_modules/a/package.json": "{}",
      "node_modules/a/index.js": "exports.__esModule = true; exports.default = 'text';",
    };
    expect(await resultOf(files)).toBe("string");
    expect(await resultOf({ ...files, "package.json": '{"type":"module"}' })).toBe("object");
  });

  test("types of coppice/worker, which leave nothing behind", async () => {
    const code = async (line: string) =>
      codeOf(
        join(
          write("typed", { "worker.ts": `${line}\nexport default async (job: Job) => job.text(job.args.in);` }),
          "worker.ts",
        ),
      );
    const plain = await code("type Job = never;");
    expect(await code('import type { Job } from "coppice/worker";')).toBe(plain);
    expect(await code('import { Job } from "coppice/worker";')).toBe(plain);
    expect(await code('import { type Job } from "coppice/worker";')).toBe(plain);
  });

  test("JSX, with the runtime of an installed package", async () => {
    const folder = write("jsx", {
      "worker.tsx": "export default () => <b>{1}</b>;",
      "node_modules/react/jsx-runtime.js":
        "export const jsx = (name, { children }) => `<${name}>${children}</${name}>`;",
    });
    expect((evaluate(await codeOf(join(folder, "worker.tsx")))() as () => unknown)()).toBe("<b>1</b>");
  });
});

describe("a module of Node's", () => {
  const end = ": a worker is sealed, and has none of Node's modules";

  test.each<[string, Files, string, readonly string[]]>([
    [
      "imported by the worker",
      { "worker.ts": '// é\n/* 😀 */ import fs from "node:fs";\nexport default () => fs;' },
      `worker.ts:2:25: worker.ts imports node:fs${end}`,
      ["worker.ts", "node:fs"],
    ],
    [
      "imported by a file of its own",
      {
        "worker.ts": 'import { a } from "./lib/a.ts";\nexport default () => a;',
        "lib/a.ts": 'export { readFileSync as a } from "fs";',
      },
      `lib/a.ts:1:35: worker.ts imports lib/a.ts imports fs${end}`,
      ["worker.ts", "lib/a.ts", "fs"],
    ],
    [
      "required by the worker in a try",
      { "worker.ts": 'try {\n  require("os");\n} catch {}\nexport default () => 1;' },
      `worker.ts:2:11: worker.ts imports os${end}`,
      ["worker.ts", "os"],
    ],
    [
      "imported by a package, deep below",
      {
        "worker.ts": 'import "./b.ts";\nexport default () => 1;',
        "b.ts": 'import { c } from "c";\nconsole.log(c());',
        "node_modules/c/index.js": 'export * from "./deep/d.js";',
        "node_modules/c/deep/d.js": 'import { cpus } from "node:os";\nexport const c = () => cpus();',
      },
      `b.ts:1:19: worker.ts imports b.ts imports c/index.js imports c/deep/d.js imports node:os${end}`,
      ["worker.ts", "b.ts", "c/index.js", "c/deep/d.js", "node:os"],
    ],
    [
      "of which only Node 24 knows",
      { "worker.ts": 'import { DatabaseSync } from "node:sqlite";\nexport default () => DatabaseSync;' },
      `worker.ts:1:30: worker.ts imports node:sqlite${end}`,
      ["worker.ts", "node:sqlite"],
    ],
  ])("%s is refused with the chain that wanted it", async (_, files, message, chain) => {
    const refused = await refusalOf(files);
    expect([refused.message, refused.chain, refused.fault]).toEqual([message, chain, "built-in"]);
  });

  test("may be imported for its types, or by what is shaken off", async () => {
    const result = await resultOf({
      "worker.ts":
        'import { Stats } from "node:fs";\nimport { pure } from "a";\nexport default (stats: Stats) => pure();',
      "node_modules/a/index.js":
        'import { readFileSync } from "node:fs";\nexport const pure = () => "pure";\nexport const read = () => readFileSync("x");',
    });
    expect(result).toBe("pure");
  });

  test("that a package requires and does not use stands in nobody's way", async () => {
    const result = await resultOf({
      "worker.ts": 'import { parse } from "a";\nexport default () => parse("x");',
      "node_modules/a/index.js": [
        'const fs = require("fs");',
        'const path = (m => m && m.__esModule ? m : { default: m })(require("node:path"));',
        'let os; try { os = require("os"); } catch { os = "none"; }',
        "exports.parse = (text) => text + os;",
        "exports.read = () => fs.readFileSync(path.default.join('x'));",
      ].join("\n"),
    });
    expect(result).toBe("xnone");
  });

  test("that a package requires and uses says so where it is used", async () => {
    const used = (how: string) =>
      resultOf({
        "worker.ts": 'import { use } from "a";\nexport default () => use();',
        "node_modules/a/package.json": '{"main":"lib/a.js"}',
        "node_modules/a/lib/a.js": `const fs = require("node:fs");\nexports.use = () => ${how};`,
      });
    for (const how of [
      "fs.readFileSync('x')",
      "fs.default.statSync",
      "fs()",
      "new fs()",
      "'a' in fs",
      "({ ...fs })",
      "(fs.a = 1)",
    ]) {
      await expect(used(how)).rejects.toThrow(`a/lib/a.js uses node:fs${end}`);
    }
  });

  test("gives way to a package of that name, as other packages rely on", async () => {
    const result = await resultOf({
      "worker.ts": 'import a from "a";\nexport default () => a;',
      "node_modules/a/index.js": 'module.exports = require("events").kind;',
      "node_modules/events/index.js": 'exports.kind = "a package";',
    });
    expect(result).toBe("a package");
  });
});

test.each<[Files, string, string]>([
  [{ "worker.ts": "export default async (" }, "worker.ts:1:23: Unexpected end of file", "syntax"],
  [
    { "worker.ts": "export const a = 1;" },
    "worker.ts: it has no default export; a worker is a module with one, `export default async (job) => result`",
    "no-default",
  ],
  [
    { "worker.ts": "" },
    "worker.ts: it has no default export; a worker is a module with one, `export default async (job) => result`",
    "no-default",
  ],
  [
    { "worker.ts": "// x\n\nexport default { a: 1 };" },
    "worker.ts:3:16: its default export is an object; a worker's is a function, `async (job) => result`",
    "not-a-function",
  ],
  [
    { "worker.ts": "export default class A {}" },
    "worker.ts:1:1: its default export is a class; a worker's is a function, `async (job) => result`",
    "not-a-function",
  ],
  [
    { "worker.ts": "export default new Map();" },
    "worker.ts:1:16: its default export is an object; a worker's is a function, `async (job) => result`",
    "not-a-function",
  ],
  [
    { "worker.ts": "export default `a`;" },
    "worker.ts:1:16: its default export is a plain value; a worker's is a function, `async (job) => result`",
    "not-a-function",
  ],
  [
    { "worker.ts": "await 1;\nexport default () => 1;" },
    "worker.ts:1:1: modules of a worker can't await outside of functions, since they are evaluated before there is a job",
    "top-level-await",
  ],
  [{ "worker.ts": 'import a from "a";\nexport default () => a;' }, 'worker.ts:1:15: can\'t find "a"', "unresolved"],
  [
    { "worker.ts": 'import a from "./a.ts";\nexport default () => a;' },
    'worker.ts:1:15: can\'t find "./a.ts"',
    "unresolved",
  ],
  [
    { "worker.ts": 'import a from "@/a";\nexport default () => a;' },
    'worker.ts:1:15: can\'t find "@/a"; `paths` of a tsconfig.json are not read, `imports` of package.json are',
    "unresolved",
  ],
  [
    {
      "worker.ts": 'import a from "a/b";\nexport default () => a;',
      "node_modules/a/package.json": '{"name":"a","exports":"./index.js"}',
    },
    'worker.ts:1:15: can\'t find "a/b"; The path "./b" is not exported by package "a"',
    "unresolved",
  ],
  [
    { "worker.ts": 'import { b } from "./a.ts";\nexport default () => b;', "a.ts": "export const a = 1;" },
    'worker.ts:1:10: there is no export "b" in a.ts',
    "unresolved",
  ],
  [
    { "worker.ts": 'import { Job } from "coppice/worker";\nexport default () => Job;' },
    'worker.ts:1:10: there is no export "Job" in coppice/worker, which has types only',
    "unresolved",
  ],
  [
    { "worker.ts": 'import a from "https://example.org/a.js";\nexport default () => a;' },
    "worker.ts:1:15: worker.ts imports https://example.org/a.js: a worker is sealed, and can't load it",
    "unresolved",
  ],
  [
    { "worker.ts": "export default (a) =>\n  import(a);" },
    "worker.ts:2:3: what it imports is known only when it runs; a bundle holds what is named by a literal",
    "dynamic-import",
  ],
  [
    { "worker.ts": "export default (a) => require(a);" },
    "worker.ts:1:23: what it imports is known only when it runs; a bundle holds what is named by a literal",
    "dynamic-import",
  ],
  [
    { "worker.ts": "export default () => import.meta.url;" },
    "worker.ts:1:22: a worker has no import.meta",
    "import-meta",
  ],
  [
    { "worker.ts": 'import a from "./a.png";\nexport default () => a;', "a.png": "" },
    'worker.ts:1:15: a.png is no script; import it with { type: "text" } or with { type: "bytes" }',
    "file-kind",
  ],
  [
    { "worker.ts": 'import "./a.css";\nexport default () => 1;', "a.css": "" },
    'worker.ts:1:8: a.css is no script; import it with { type: "text" } or with { type: "bytes" }',
    "file-kind",
  ],
  [
    {
      "worker.ts": 'import a from "a";\nexport default () => a;',
      "node_modules/a/index.js": "module.exports = 1;\nwith (a) {}",
    },
    "a/index.js:2:1: Strict mode code may not include a with statement (a worker's modules are strict code)",
    "syntax",
  ],
])("%j is refused: %s", async (files, message, fault) => {
  const refused = await refusalOf(files);
  expect([refused.message, refused.fault]).toEqual([message, fault]);
  expect(refused.message).not.toContain(room);
});

test("a text that looks like a default export is none", async () => {
  const source = "const text = `\nexport default {`;\nexport default () => text;";
  expect(await resultOf({ "worker.ts": source })).toBe("\nexport default {");
});

test("a file of another kind is no worker, and one that is not there is the system's error", async () => {
  expect((await refusalOf({ "worker.py": "" }, "worker.py")).message).toBe(
    "worker.py: a worker's name ends in one of .ts, .mts, .cts, .tsx, .js, .mjs, .cjs, .jsx",
  );
  await expect(bundleScript(join(room, "nowhere.ts"))).rejects.toThrow("ENOENT");
  expect(["a.ts", "a.mjs", "a.wasm", "a", "ts"].map(isScriptPath)).toEqual([true, true, false, false, false]);
});

test("what packages decide at run time is left to it", async () => {
  const result = await resultOf({
    "worker.ts": 'import a from "a";\nexport default () => a;',
    "node_modules/a/index.js":
      "let found = 'no'; try { found = require('not-installed'); } catch {}\nmodule.exports = found; exports.load = (x) => import(x); exports.all = (x) => require(x);",
  });
  expect(result).toBe("no");
});

test("names that need escaping neither stay in a script nor get lost in its map", async () => {
  const folder = write("odd %41 #x/q't", {
    "w #1?.ts": 'import { a } from "./d é%20.ts";\nimport x from "./index.js";\nexport default () => a() + x;',
    "d é%20.ts": "export const a = () => 1;",
    "index.js": "module.exports = 1;",
  });
  const { code, map, files } = await bundleScript(join(folder, "w #1?.ts"));
  expect((evaluate(code)() as () => unknown)()).toBe(2);
  expect(Buffer.from(code).toString("utf8")).not.toContain("odd");
  expect((JSON.parse(map) as { sources: string[] }).sources).toEqual(["index.js", "d é%20.ts", "w #1?.ts", ""]);
  expect(files).toEqual(["d é%20.ts", "index.js", "w #1?.ts"].map((name) => join(folder, name)));
});

test("what an author can mend is told before what a package wants", async () => {
  const refused = await refusalOf({
    "worker.ts": 'import "a";\nimport b from "./b.ts";\nexport default () => b;',
    "node_modules/a/index.js": 'import "fs";',
  });
  expect(refused.message).toBe('worker.ts:2:15: can\'t find "./b.ts"');
});

/** `FILE:LINE:COLUMN` for each frame of a stack that is in the worker. */
function placesOf(error: unknown, map: string): string[] {
  const frames = (error as Error).stack?.matchAll(/\bworker:(\d+):(\d+)/g) ?? [];
  return Array.from(frames, ([, line, column]) => {
    const place = positionOf(map, Number(line), Number(column));
    return place === undefined ? "" : `${place.file}:${place.line}:${place.column}`;
  });
}

test("where a worker threw is told in its own files, and in its packages' beside modules whose paths were cut", async () => {
  const folder = write("thrown/a", {
    "src/worker.ts": [
      'import { fail } from "./steps/fail.ts";',
      "interface Wide { readonly of: string }",
      "export default function run(x: Wide): never {",
      "  return fail(x.of as string);",
      "}",
    ].join("\n"),
    "src/steps/fail.ts":
      'import { first } from "first";\nexport const fail = (x: string): never => /* é */ first(x);\n',
    "node_modules/first/package.json": '{"main":"lib/first.js"}',
    "node_modules/first/lib/first.js":
      'const second = require("second");\nexports.first = (x) => { const y = x + "!";\n  return second(y); };\n',
    "node_modules/second/index.js":
      'const third = require("./third.js");\nmodule.exports = function second(x) { third(x); };',
    "node_modules/second/third.js": "module.exports = (x) => {\n  throw new Error(x);\n};",
  });
  const { code, map } = await bundleScript(join(folder, "src/worker.ts"));
  const run = evaluate(code)() as (x: { of: string }) => never;
  const thrown = (() => {
    try {
      return run({ of: "x" });
    } catch (error) {
      return error;
    }
  })();
  expect(placesOf(thrown, map)).toEqual([
    "second/third.js:2:9",
    "second/index.js:2:39",
    "first/lib/first.js:3:10",
    "steps/fail.ts:2:51",
    "worker.ts:4:10",
  ]);
  expect(positionOf(map, 1, 1)).toBe(undefined);
  expect(positionOf(map, 1000, 1)).toBe(undefined);
});

test("a compiler can be part of a worker", async () => {
  const folder = write("compiler", {
    "worker.ts":
      'import ts from "typescript";\nexport default (text: string) => ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022 } }).outputText;',
  });
  mkdirSync(join(folder, "node_modules"));
  const root = join(import.meta.dirname, "../..");
  symlinkSync(join(root, "node_modules/typescript"), join(folder, "node_modules/typescript"), "junction");
  const { code, map } = await bundleScript(join(folder, "worker.ts"));
  const transpile = evaluate(code)() as (text: string) => string;
  expect(transpile("const x: number = 1 as any;")).toBe('"use strict";\nconst x = 1;\n');
  for (const path of [room, root]) {
    expect(Buffer.from(code).includes(path)).toBe(false);
    expect(map.includes(path)).toBe(false);
  }
});

/** Never run: that it compiles is the test. */
const count = (async (job: Job<"in" | "children">) => {
  const { kind, oid } = job.args.in;
  const lines = kind === "blob" ? job.text(oid).split("\n").length : job.tree(job.args.in).length;
  const [first, ...others] = await job.runMany([
    { worker: "line-count", args: { in: job.args.in } },
    { worker: oid, args: { text: "x", bytes: new Uint8Array(1), object: { oid } } },
  ]);
  const all = job.putTree({ a: "text", b: job.args.in, c: { oid, mode: "100755" } });
  const made = await job.run(job.putBlob("x"), { all });
  job.log(`${others.length}`);
  return lines > 1 ? { lines } : (first ?? made);
}) satisfies Worker<"in" | "children">;
// @ts-expect-error: a worker that returns nothing
const forgetful: Worker = () => undefined;
// @ts-expect-error: an argument that it does not rely on
const greedy = (job: Job<"in">) => job.args.out;

test("the types let a worker do what it may, and no more", () => {
  const plain: readonly Worker[] = [() => null, () => "text", () => new Uint8Array(1), () => [1, { a: 2 }]];
  expect([...plain, count, forgetful, greedy]).toHaveLength(7);
});
