/**
 * The JSON that a guest reads back: keys in the spec's order, no white space, JSON.stringify's escapes (which ECMA-262 fixes). Each is UTF-8.
 */
import type { Outcome } from "../store/outcome.ts";
import type { Oid } from "../store/oid.ts";
import { kindOfMode, type TreeEntry } from "../store/tree.ts";
import { errorTexts } from "./error-texts.ts";
import type { Request } from "./request.ts";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value), "utf8");

/** The longest answer; no guest's memory could hold a longer one, unless it has other limits than the defaults. Part of what `coppice-wasm/3` means. */
export const answerBytesMax = 256 << 20;

export const emptyAnswer = encode({});

/** `text` is from the fixed list, or the message of a nested request's failed outcome. */
export function errorAnswer(text: string): Buffer {
  return encode({ error: text });
}

export function jobAnswer(request: Request): Buffer {
  const { args, std, salt, oid } = request;
  return encode({ args, std: std ?? "", salt, stack: oid });
}

/** A listing in git order; an error when a name is not UTF-8. */
export function treeAnswer(entries: readonly TreeEntry[]): Buffer {
  if (entries.some((entry) => !entry.name.isWellFormed())) return errorAnswer(errorTexts.nameNotUtf8);
  return listAnswer("entries", entries, ({ name, mode, oid }) => ({
    name,
    kind: kindOfMode(mode) === "tree" ? "tree" : "blob",
    hash: oid,
    mode,
  }));
}

export function blobAnswer(body: Uint8Array): Buffer {
  if (Math.ceil(body.length / 3) * 4 + 16 > answerBytesMax) return errorAnswer(errorTexts.tooLarge);
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("base64");
  return Buffer.from(`{"bytes_b64":"${text}"}`, "latin1");
}

export function hashAnswer(hash: Oid): Buffer {
  return Buffer.from(`{"hash":"${hash}"}`, "latin1");
}

/** The answer to `run`. */
export function outcomeAnswer(outcome: Outcome): Buffer {
  return encode(plain(outcome));
}

/** The answer to `run_many`, in the order of the requests. */
export function outcomesAnswer(outcomes: readonly Outcome[]): Buffer {
  return listAnswer("results", outcomes, plain);
}

/** `{"KEY":[…]}`, or an error when that is too long: V8 could not make a string of it. */
function listAnswer<T>(key: string, items: readonly T[], shape: (item: T) => object): Buffer {
  const parts: string[] = [];
  let bytes = key.length + 6;
  for (const item of items) {
    const part = JSON.stringify(shape(item));
    bytes += Buffer.byteLength(part) + 1;
    if (bytes > answerBytesMax) return errorAnswer(errorTexts.tooLarge);
    parts.push(part);
  }
  return Buffer.from(`{"${key}":[${parts.join(",")}]}`, "utf8");
}

function plain(outcome: Outcome): object {
  return outcome.kind === "failed" ? { error: outcome.message } : { kind: outcome.kind, hash: outcome.oid };
}
