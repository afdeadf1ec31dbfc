/**
 * Guest calls of `caos_abi_v1`: bytes from a guest to a typed call, or to the error text that it is told (spec, section 4).
 *
 * Unknown extra fields are ignored; a missing or wrong-typed field is an error; of two equal keys the last counts (as
 * JSON.parse has it). Pure: whether what a call names exists is for whoever serves it.
 */
import { isUtf8 } from "node:buffer";
import { parseOid, type Oid } from "../store/oid.ts";
import { nameFault, type Mode, type TreeEntry } from "../store/tree.ts";
import { errorTexts, type ErrorText } from "./error-texts.ts";

/** Length of a call's JSON in bytes. */
export const callBytesMax = 64 << 20;
/** Nesting of a call's JSON; the deepest call that means anything has 3. */
export const callNestingMax = 64;
/** Requests in one `run_many`. */
export const batchMax = 1 << 20;

/** A nested request as a guest asks for it: the image is an oid or a std name, args are a tree's name or its entries' bytes, neither looked at yet. */
export interface NestedCall {
  readonly image: string;
  readonly args: Oid | Buffer;
}

export type GuestCall =
  | { readonly op: "job" }
  | { readonly op: "tree"; readonly hash: Oid }
  | { readonly op: "get"; readonly hash: Oid }
  | { readonly op: "put_blob"; readonly bytes: Uint8Array }
  | { readonly op: "put_tree"; readonly entries: readonly TreeEntry[] }
  | { readonly op: "run"; readonly call: NestedCall }
  | { readonly op: "run_many"; readonly calls: readonly NestedCall[] }
  | { readonly op: "out"; readonly kind: "blob" | "tree"; readonly hash: Oid }
  | { readonly op: "log"; readonly msg: string };

/** Thrown inside this file to leave the parsing of a call; never leaves it. */
class Refused {
  readonly text: ErrorText;
  constructor(text: ErrorText) {
    this.text = text;
  }
}

/** The call that the bytes spell, or the error text for the guest. */
export function parseCall(bytes: Uint8Array): GuestCall | ErrorText {
  try {
    return readCall(readJson(bytes));
  } catch (error) {
    if (error instanceof Refused) return error.text;
    throw error;
  }
}

function readJson(bytes: Uint8Array): Fields {
  if (bytes.length > callBytesMax) throw new Refused(errorTexts.tooLong);
  if (!isUtf8(bytes)) throw new Refused(errorTexts.notUtf8);
  if (nestsDeeper(bytes, callNestingMax)) throw new Refused(errorTexts.tooDeep);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused(errorTexts.notJson); // V8's words stay out of what a guest sees
  }
  return fields(value, errorTexts.notAnObject);
}

/** Counts brackets outside of strings; exact for valid JSON, and what is not valid fails later. */
function nestsDeeper(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (quoted) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > limit) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

function readCall(call: Fields): GuestCall {
  const op = textField(call, "op", errorTexts.badOp);
  switch (op) {
    case "job":
      return { op };
    case "tree":
    case "get":
      return { op, hash: hashField(call, "hash", errorTexts.badHash) };
    case "put_blob":
      return { op, bytes: base64(textField(call, "bytes_b64", errorTexts.badBytes)) };
    case "put_tree":
      return { op, entries: readEntries(listField(call, "entries", errorTexts.badEntries)) };
    case "run":
      return { op, call: nested(call) };
    case "run_many": {
      const reqs = listField(call, "reqs", errorTexts.badReqs);
      if (reqs.length > batchMax) throw new Refused(errorTexts.tooMany);
      return { op, calls: reqs.map((each) => nested(fields(each, errorTexts.badReq))) };
    }
    case "out": {
      const kind = textField(call, "kind", errorTexts.badKind);
      if (kind !== "blob" && kind !== "tree") throw new Refused(errorTexts.badKind);
      return { op, kind, hash: hashField(call, "hash", errorTexts.badHash) };
    }
    case "log":
      return { op, msg: textField(call, "msg", errorTexts.badMsg).toWellFormed() };
    default:
      throw new Refused(errorTexts.unknownOp);
  }
}

function nested(call: Fields): NestedCall {
  return {
    image: textField(call, "image", errorTexts.badImage),
    args: hashField(call, "args", errorTexts.badArgs),
  };
}

function readEntries(items: readonly unknown[]): TreeEntry[] {
  const seen = new Set<string>();
  return items.map((item) => {
    const entry = fields(item, errorTexts.badEntry);
    const name = textField(entry, "name", errorTexts.badName);
    if (nameFault(name) !== undefined || !name.isWellFormed()) throw new Refused(errorTexts.reservedName);
    if (seen.has(name)) throw new Refused(errorTexts.duplicateName);
    seen.add(name);
    return { name, mode: entryMode(entry), oid: hashField(entry, "hash", errorTexts.badHash) };
  });
}

const writtenModes: ReadonlyMap<string, Mode> = new Map([
  ["40000", "40000"],
  ["040000", "40000"],
  ["100644", "100644"],
  ["100755", "100755"],
  ["120000", "120000"],
  ["160000", "160000"],
]);

function entryMode(entry: Fields): Mode {
  const kind = textField(entry, "kind", errorTexts.badKind);
  if (entry["mode"] === undefined) {
    if (kind === "tree") return "40000";
    if (kind === "blob") return "100644";
    throw new Refused(errorTexts.badKind);
  }
  const mode = writtenModes.get(textField(entry, "mode", errorTexts.badMode));
  if (mode === undefined) throw new Refused(errorTexts.badMode);
  return mode;
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown, otherwise: ErrorText): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Refused(otherwise);
  return value as Fields;
}

function textField(from: Fields, name: string, otherwise: ErrorText): string {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (typeof value !== "string") throw new Refused(otherwise);
  return value;
}

function listField(from: Fields, name: string, otherwise: ErrorText): readonly unknown[] {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (!Array.isArray(value)) throw new Refused(otherwise);
  return value;
}

function hashField(from: Fields, name: string, otherwise: ErrorText): Oid {
  const parsed = parseOid(textField(from, name, otherwise));
  if (parsed === undefined) throw new Refused(errorTexts.malformedOid);
  return parsed;
}

/** Standard alphabet, padded, and nothing in the bits that padding leaves over. */
function base64(encoded: string): Buffer {
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded))
    throw new Refused(errorTexts.malformedBase64);
  const bytes = Buffer.from(encoded, "base64");
  if (encoded.endsWith("=") && bytes.subarray(-(bytes.length % 3)).toString("base64") !== encoded.slice(-4)) {
    throw new Refused(errorTexts.malformedBase64);
  }
  return bytes;
}
