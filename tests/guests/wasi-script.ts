/**
 * Commands that assert in the guest: calls of preview 1 one after another, each with what it must answer. The first answer that is another one ends the guest with exit status 1 and on its standard error the number of the assertion and the answer.
 *
 * Memory: a page of numbers that calls write, a page of texts, and from `bufferAt` on a buffer.
 */
import { errno } from "../../src/isolate-host/wasi/errno.ts";
import { functionTypes, wasiModule } from "../../src/isolate-host/wasi/functions.ts";
import { assemble, quoted } from "./assemble.ts";

export type Call = keyof typeof functionTypes;
export type ErrnoName = keyof typeof errno;
/** A number that the guest has, as WebAssembly text. */
export interface Wat {
  readonly wat: string;
}
/** What a call is given: a number, something that the guest has, or a text, for which its address and length stand. */
export type Given = number | bigint | string | Wat;

export const bufferAt = 0x20000;
const numbersAt = 0x1000;
const textsAt = 0x10000;
const failureAt = 0x100;
const valueTypes: Readonly<Record<string, string>> = { i: "i32", I: "i64" };
const errnoNames = new Map(Object.entries(errno).map(([name, number]) => [number as number, name]));

/** Bits of path_open. */
export const oflags = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const;
export const reads = 1n << 1n;
export const writes = 1n << 6n;
export const append = 1;

export interface Opening {
  /** Of `oflags`. */
  readonly how?: number;
  readonly rights?: bigint;
  readonly below?: bigint;
  readonly flags?: number;
  readonly follow?: boolean;
  readonly folder?: Given;
}

export class WasiScript {
  readonly #body: string[] = [];
  readonly #said: string[] = [];
  readonly #data: string[] = [];
  #textsEnd = textsAt;
  #numbersEnd = numbersAt;
  readonly #pages: number;
  /** Further imports and functions, as WebAssembly text. */
  imports = "";
  functions = "";

  constructor(pages = 4) {
    this.#pages = pages;
  }

  /** A place for a number that a call writes. */
  slot(): number {
    this.#numbersEnd += 8;
    return this.#numbersEnd - 8;
  }

  /** A text in memory: where, and how long. */
  text(content: string): readonly [number, number] {
    const bytes = Buffer.from(content, "utf8");
    const at = this.#textsEnd;
    this.#textsEnd += bytes.length + 1;
    this.#data.push(`(data (i32.const ${at}) "${quoted(bytes)}")`);
    return [at, bytes.length];
  }

  /** Calls a function, which must answer with this errno. */
  call(name: Call, given: readonly Given[], answer: ErrnoName = "success"): this {
    const type = functionTypes[name].split(":")[0] as string;
    const values = given.flatMap((each) => (typeof each === "string" ? this.text(each) : [each]));
    if (values.length !== type.length) throw new Error(`${name} takes ${type.length} parameters, not ${values.length}`);
    const args = values.map((value, at) => constant(value, type[at] as string));
    return this.#must(`(call $${name} ${args.join(" ")})`, errno[answer], `${name}(${given.map(shown).join(", ")})`);
  }

  /** Calls a function whatever it answers. */
  try(name: Call, given: readonly Given[]): this {
    const type = functionTypes[name].split(":")[0] as string;
    const values = given.flatMap((each) => (typeof each === "string" ? this.text(each) : [each]));
    this.#body.push(
      `(drop (call $${name} ${values.map((value, at) => constant(value, type[at] as string)).join(" ")}))`,
    );
    return this;
  }

  /** A number that the guest has must be this. */
  is({ wat }: Wat, value: number, what: string): this {
    return this.#must(wat, value, what);
  }

  isU32(at: number, value: number, what: string): this {
    return this.is({ wat: `(i32.load (i32.const ${at}))` }, value, what);
  }

  isU64(at: number, value: bigint, what: string): this {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    return this.isU32(at, low, `${what}, lower half`).isU32(at + 4, high, `${what}, upper half`);
  }

  isU8(at: number, value: number, what: string): this {
    return this.is({ wat: `(i32.load8_u (i32.const ${at}))` }, value, what);
  }

  isU16(at: number, value: number, what: string): this {
    return this.is({ wat: `(i32.load16_u (i32.const ${at}))` }, value, what);
  }

  /** Memory must hold this text. */
  holds(at: number, content: string): this {
    for (const [offset, byte] of Buffer.from(content, "utf8").entries()) {
      this.isU8(at + offset, byte, `byte ${offset} of ${JSON.stringify(content)}`);
    }
    return this;
  }

  store32(at: number, value: number | Wat): this {
    this.#body.push(`(i32.store (i32.const ${at}) ${constant(value, "i")})`);
    return this;
  }

  store64(at: number, value: bigint): this {
    this.#body.push(`(i64.store (i32.const ${at}) (i64.const ${value}))`);
    return this;
  }

  /** Any instructions. */
  raw(wat: string): this {
    this.#body.push(wat);
    return this;
  }

  /** Opens a path in the root, and gives the descriptor. */
  open(path: string, opening: Opening = {}, answer: ErrnoName = "success"): Wat {
    const { how = 0, rights = reads, below = 0n, flags = 0, follow = true, folder = 3 } = opening;
    const at = this.slot();
    this.call("path_open", [folder, follow ? 1 : 0, path, how, rights, below, flags, at], answer);
    return { wat: `(i32.load (i32.const ${at}))` };
  }

  /** A vector of one part, and where it stands. */
  vector(at: number, length: number): number {
    const place = this.slot();
    this.store32(place, at).store32(place + 4, length);
    return place;
  }

  /** Writes a text by fd_write or fd_pwrite, all of it. */
  write(fd: Given, content: string, from?: bigint): this {
    const [at, length] = this.text(content);
    const done = this.slot();
    const vector = this.vector(at, length);
    if (from === undefined) this.call("fd_write", [fd, vector, 1, done]);
    else this.call("fd_pwrite", [fd, vector, 1, from, done]);
    return this.isU32(done, length, `bytes written of ${JSON.stringify(content)}`);
  }

  /** Reads at most so much by fd_read or fd_pread, which must be this text. */
  read(fd: Given, length: number, content: string, from?: bigint): this {
    const done = this.slot();
    const vector = this.vector(bufferAt, length);
    if (from === undefined) this.call("fd_read", [fd, vector, 1, done]);
    else this.call("fd_pread", [fd, vector, 1, from, done]);
    return this.isU32(done, Buffer.byteLength(content), `bytes read of ${JSON.stringify(content)}`).holds(
      bufferAt,
      content,
    );
  }

  /** What a file in the root holds, up to 4 KiB. */
  file(path: string, content: string): this {
    const fd = this.open(path);
    return this.read(fd, 4096, content).call("fd_close", [fd]);
  }

  /** A new file in the root, or an old one's new bytes. */
  put(path: string, content: string): this {
    const fd = this.open(path, { how: oflags.create | oflags.truncate, rights: writes });
    return this.write(fd, content).call("fd_close", [fd]);
  }

  module(): Uint8Array {
    const imports = Object.entries(functionTypes).map(([name, type]) => {
      const [params = "", results = ""] = type.split(":");
      const list = (letters: string) => Array.from(letters, (letter) => valueTypes[letter]).join(" ");
      return `(import "${wasiModule}" "${name}" (func $${name} (param ${list(params)})${results === "" ? "" : ` (result ${list(results)})`}))`;
    });
    return assemble(`(module ${imports.join("\n")} ${this.imports}
      (memory (export "memory") ${this.#pages})
      ${this.#data.join("\n")}
      (func $must (param $got i32) (param $wanted i32) (param $number i32)
        (if (i32.eq (local.get $got) (local.get $wanted)) (then (return)))
        (i32.store (i32.const ${failureAt}) (i32.const ${failureAt + 8}))
        (i32.store (i32.const ${failureAt + 4}) (i32.const 8))
        (i32.store (i32.const ${failureAt + 8}) (local.get $number))
        (i32.store (i32.const ${failureAt + 12}) (local.get $got))
        (drop (call $fd_write (i32.const 2) (i32.const ${failureAt}) (i32.const 1) (i32.const ${failureAt + 16})))
        (call $proc_exit (i32.const 1)))
      ${this.functions}
      (func (export "_start") ${this.#body.join("\n")}))`);
  }

  /** What an assertion that failed says for itself; `bytes` are the guest's standard error. */
  failure(bytes: Uint8Array): string {
    const view = Buffer.from(bytes).subarray(-8);
    const number = view.readUInt32LE(0);
    const got = view.readInt32LE(4);
    return `${this.#said[number]}, but is ${got} (${errnoNames.get(got) ?? "no errno"})`;
  }

  #must(wat: string, value: number, what: string): this {
    this.#body.push(`(call $must ${wat} (i32.const ${value}) (i32.const ${this.#said.length}))`);
    const wanted = `${value}${wat.startsWith("(call") ? ` (${errnoNames.get(value)})` : ""}`;
    this.#said.push(`${what} must be ${wanted}`);
    return this;
  }
}

function constant(value: number | bigint | Wat, letter: string): string {
  if (typeof value === "object") return value.wat;
  return `(${valueTypes[letter]}.const ${value})`;
}

function shown(given: Given): string {
  return typeof given === "object" ? "_" : typeof given === "string" ? JSON.stringify(given) : String(given);
}
