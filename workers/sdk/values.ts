/**
 * The values that workers and the host exchange. They say nothing of how the ABI writes them. Bytes that one of them points at are written once: nothing is
 * freed while a job runs.
 */
import { decodeName, encodeUtf8 } from "./utf8";

/** An object's name: where its 20 bytes stand. Opaque to workers: they pass oids on, they do not take them apart. */
export type Oid = usize;

export const oidBytes: i32 = 20;

/** The tree without entries. */
export const emptyTree: Oid = memory.data<u8>([
  0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49,
  0x04,
]);

export function isSameOid(a: Oid, b: Oid): bool {
  return memory.compare(a, b, oidBytes) == 0;
}

/** An oid as people read it, 40 hex digits. */
export function hex(oid: Oid): string {
  let text = "";
  for (let index = 0; index < oidBytes; index++) {
    const byte = load<u8>(oid + index);
    text += digits.charAt(byte >> 4) + digits.charAt(byte & 15);
  }
  return text;
}
const digits = "0123456789abcdef";

export enum Kind {
  Blob,
  Tree,
}

export enum Mode {
  File,
  Executable,
  Symlink,
  Gitlink,
  Folder,
}

/** One entry of a tree, or one named argument. Its name is bytes, of UTF-8 nearly always. */
export class Entry {
  constructor(
    readonly nameAt: usize,
    readonly nameLength: i32,
    readonly mode: Mode,
    readonly oid: Oid,
  ) {}

  get isTree(): bool {
    return this.mode == Mode.Folder;
  }

  /** The name as text, without loss: bytes that are not UTF-8 stand as lone surrogates from U+DC80 on. */
  get name(): string {
    return decodeName(this.nameAt, this.nameLength);
  }

  isNamed(name: string): bool {
    const bytes = Name.of(name);
    return this.hasName(bytes.at, bytes.length);
  }

  isNamedAs(other: Entry): bool {
    return this.hasName(other.nameAt, other.nameLength);
  }

  private hasName(at: usize, length: i32): bool {
    return this.nameLength == length && memory.compare(this.nameAt, at, length) == 0;
  }

  /** The entry `name` that holds an object of this kind, with no mode of its own beyond that. */
  static of(name: string, kind: Kind, oid: Oid): Entry {
    const bytes = Name.of(name);
    return new Entry(bytes.at, bytes.length, kind == Kind.Tree ? Mode.Folder : Mode.File, oid);
  }
}

/** The bytes of a name that a program writes as text. Programs ask for few, each many times, so the last one is kept. */
class Name {
  constructor(
    readonly text: string,
    readonly at: usize,
    readonly length: i32,
  ) {}

  static of(text: string): Name {
    const last = lastName;
    if (last != null && changetype<usize>(last.text) == changetype<usize>(text)) return last;
    const bytes = encodeUtf8(text);
    const name = new Name(text, bytes.dataStart, bytes.length);
    lastName = name;
    return name;
  }
}
let lastName: Name | null = null;

/** One nested request to be made: an image (40 hex digits or `/cas/std/NAME`) and its arguments, in any order. */
export class Request {
  constructor(
    readonly image: string,
    readonly args: Entry[],
  ) {}
}

/** What a nested request came to: `ok` with `kind` and `oid`, or not with `error`. */
export class Answer {
  constructor(
    readonly ok: bool,
    readonly kind: Kind,
    readonly oid: Oid,
    readonly error: string,
  ) {}

  /** The result as an entry `name`. Only for an answer that is ok. */
  entry(name: string): Entry {
    assert(this.ok);
    return Entry.of(name, this.kind, this.oid);
  }

  /** The result as an entry with another's name. Only for an answer that is ok. */
  entryLike(other: Entry): Entry {
    assert(this.ok);
    return new Entry(other.nameAt, other.nameLength, this.kind == Kind.Tree ? Mode.Folder : Mode.File, this.oid);
  }
}
