/**
 * What a worker is written against. Functions that name an object end the job when the host refuses
 * (`fail` with the host's text); only `run` and `runMany` give failures back, as answers.
 *
 * No function here says how messages look: another ABI is another ./abi under the same surface.
 */
import * as abi from "./abi";
import { Answer, Entry, Kind, Mode, Oid, Request, hex } from "./values";
import { decodeUtf8, encodeUtf8 } from "./utf8";

export { Answer, Entry, Kind, Mode, Oid, Request, emptyTree, hex, isSameOid } from "./values";
export { bytes, fail, log, out, putTree, runMany, size, tree } from "./abi";

let args: Entry[] | null = null;

export namespace job {
  /** The argument `name`, or null when it is not given. */
  export function find(name: string): Entry | null {
    if (args == null) args = abi.jobArgs();
    const entries = args!;
    for (let index = 0; index < entries.length; index++) if (entries[index].isNamed(name)) return entries[index];
    return null;
  }

  /** The argument `name`. Ends the job when it is not given. */
  export function arg(name: string): Entry {
    const entry = find(name);
    if (entry == null) abi.fail("argument " + name + " is missing");
    return entry!;
  }
}

/** Entries asked for by another's name, one after the other: cheapest when the names come in the list's own order. */
export class Lookup {
  private next: i32 = 0;
  constructor(private readonly entries: Entry[]) {}

  /** The entry with the name of `other`, or null. */
  find(other: Entry): Entry | null {
    const count = this.entries.length;
    for (let step = 0, at = this.next; step < count; step++, at++) {
      if (at >= count) at = 0;
      if (this.entries[at].isNamedAs(other)) {
        this.next = at + 1;
        return this.entries[at];
      }
    }
    return null;
  }
}

/**
 * An entry of any tree as the argument `name`: only its content and whether it is a tree go along, so that
 * equal content makes equal requests. A gitlink, which has no content here, becomes a blob of the commit's oid.
 */
export function argument(name: string, entry: Entry): Entry {
  if (entry.mode == Mode.Gitlink) return Entry.of(name, Kind.Blob, putText(hex(entry.oid)));
  return Entry.of(name, entry.isTree ? Kind.Tree : Kind.Blob, entry.oid);
}

/** A blob as text. Ends the job when it is not UTF-8. */
export function text(oid: Oid): string {
  const content = abi.bytes(oid);
  const decoded = decodeUtf8(content.dataStart, content.length);
  if (decoded == null) abi.fail("not UTF-8: " + hex(oid));
  return decoded!;
}

export function putBlob(content: Uint8Array): Oid {
  return abi.putBytes(content.dataStart, content.length);
}

/** Stores text as UTF-8; a lone surrogate, which UTF-8 cannot say, as U+FFFD. */
export function putText(content: string): Oid {
  return putBlob(encodeUtf8(content));
}

/** Runs one nested request. A worker with more than one to make uses `runMany`: it costs one replay, not one each. */
export function run(image: string, args: Entry[]): Answer {
  return abi.run(new Request(image, args));
}
