/**
 * The JSON that a guest reads back: keys in the spec's order, no white space, JSON.stringify's escapes (which ECMA-262 fixes). Each is UTF-8.
 */
import type { Outcome } from "../store/outcome.ts";
import type { Oid } from "../store/oid.ts";
import { kindOfMode, type TreeEntry } from "../store/tree.ts";
import { errorTexts } from "./error-texts.ts";
import type { Request } from "./request.ts";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value), "utf8");

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
  return encode({
    entries: entries.map(({ name, mode, oid }) => ({
      name,
      kind: kindOfMode(mode) === "tree" ? "tree" : "blob",
      hash: oid,
      mode,
    })),
  });
}

export function blobAnswer(body: Uint8Array): Buffer {
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
  return encode({ results: outcomes.map(plain) });
}

function plain(outcome: Outcome): object {
  return outcome.kind === "failed" ? { error: outcome.message } : { kind: outcome.kind, hash: outcome.oid };
}
