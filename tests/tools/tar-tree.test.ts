import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine, type Engine } from "../../src/engine.ts";
import { MalformedTar, putTar } from "../../src/tools/tar-tree.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-tar-"));
let engine: Engine;
beforeAll(() => {
  engine = openEngine({ store: join(folder, "store.sqlite") });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Head {
  readonly name?: string;
  readonly type?: string;
  readonly body?: string;
  readonly size?: string;
  readonly mode?: string;
  readonly magic?: string;
  readonly prefix?: string;
  readonly link?: string;
  readonly sum?: number;
}

function block({ name = "a", type = "0", body = "", size, mode = "0000644", magic = "ustar", ...more }: Head): Buffer {
  const head = Buffer.alloc(512);
  const put = (at: number, text: string) => head.write(text, at, "latin1");
  put(0, name);
  put(100, mode);
  put(124, size ?? body.length.toString(8).padStart(11, "0"));
  put(148, "        ");
  put(156, type);
  put(157, more.link ?? "");
  put(257, magic);
  put(345, more.prefix ?? "");
  const sum = more.sum ?? head.reduce((all, byte) => all + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return Buffer.concat([head, Buffer.from(body), Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

const archive = (...heads: readonly Head[]) => Buffer.concat([...heads.map(block), Buffer.alloc(1024)]);

test("an archive is the tree of the folder that it was made of", () => {
  const made = join(folder, "made");
  mkdirSync(join(made, "a", "n".repeat(90), "n".repeat(30)), { recursive: true });
  writeFileSync(join(made, "a", "n".repeat(90), "n".repeat(30), "long"), "1");
  writeFileSync(join(made, "a", "program"), "x".repeat(1500));
  chmodSync(join(made, "a", "program"), 0o755);
  symlinkSync("program", join(made, "a", "link"));
  const tar = execFileSync("tar", ["--format=ustar", "-cf", "-", "-C", made, "."]);
  const git = (...args: readonly string[]) =>
    execFileSync("git", args, { cwd: made, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  git("init", "-q");
  git("add", "-A");
  expect(putTar(engine, tar)).toBe(git("write-tree"));
});

describe("an archive is refused with", () => {
  const cases: readonly (readonly [what: string, bytes: Buffer, message: string])[] = [
    ["an absolute path", archive({ name: "/etc/passwd" }), "a path leads out of it"],
    ["a path through ..", archive({ name: "a/../../b" }), "a path leads out of it"],
    ["a prefix that is absolute", archive({ prefix: "/etc" }), "a path leads out of it"],
    ["a path twice", archive({ name: "a" }, { name: "./a" }), "a path is there twice"],
    ["a path through a file", archive({ name: "a" }, { name: "a/b" }), "a path leads through a file"],
    ["a file without a name", archive({ name: "." }), "a file has no name"],
    ["a device", archive({ type: "3" }), "an entry is neither file nor folder nor symlink"],
    ["a hard link", archive({ type: "1" }), "an entry is neither file nor folder nor symlink"],
    ["another format", archive({ magic: "other" }), "an entry is not ustar"],
    ["another checksum", archive({ sum: 1 }), "an entry's checksum is another"],
    ["a size that is no number", archive({ size: "12x" }), "a number is not octal"],
    ["a body that is cut short", archive({ size: "00000777777" }), "it is cut short"],
  ];
  test.each(cases)("%s", (_what, bytes, message) => {
    expect(() => putTar(engine, bytes)).toThrow(MalformedTar);
    expect(() => putTar(engine, bytes)).toThrow(message);
  });
});

test("an archive without entries is the empty tree", () => {
  expect(putTar(engine, Buffer.alloc(1024))).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
});
