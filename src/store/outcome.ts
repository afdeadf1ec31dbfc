/**
 * What a request settles to, as the store remembers it, and what is remembered beside it.
 *
 * Bytes of a failed outcome: canonical JSON `{"code":"…","message":"…"}`, UTF-8, at most 4 KiB.
 */
import type { Oid } from "./oid.ts";

/** A result: the object that a request evaluates to. */
export interface Result {
  readonly kind: "blob" | "tree";
  readonly oid: Oid;
}

/** Why a request has no result. Follows from the request alone, so it is remembered like a result. */
export interface Failure {
  readonly kind: "failed";
  readonly code: FailureCode;
  readonly message: string;
}

export type Outcome = Result | Failure;

/** `trap`: the guest trapped; `exit`: it ended itself; `abi`: it misused the ABI; `module`: no guest of ours; `limit`: a counted limit. */
export const failureCodes = ["trap", "exit", "abi", "module", "limit"] as const;
export type FailureCode = (typeof failureCodes)[number];

/** Length of a failed outcome's canonical JSON. */
export const failureBytesMax = 4096;

/** What the store keeps of one execution: its outcome, and what explains or checks it. */
export interface Memo {
  readonly outcome: Outcome;
  /** For people: the engine's own words on a failure (V8's text, a function's name). Never compared, never shown to a guest. */
  readonly detail: string | undefined;
  /** Spent fuel; 0 where the runtime counts none. */
  readonly fuel: number;
  /** Objects that the execution read, each once, in the order of their first reading. */
  readonly reads: readonly Oid[];
  /** Requests that the execution asked for, each once, in order. */
  readonly children: readonly Oid[];
}

/** A failed outcome whose canonical JSON fits into `failureBytesMax`: a longer message is cut, at the end, to the longest prefix of whole characters that fits. */
export function failure(code: FailureCode, message: string): Failure {
  const fits = (text: string) => Buffer.byteLength(canonicalFailure(code, text)) <= failureBytesMax;
  const whole = message.toWellFormed();
  if (fits(whole)) return { kind: "failed", code, message: whole };
  const points = Array.from(whole.slice(0, failureBytesMax));
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fits(points.slice(0, middle).join(""))) low = middle;
    else high = middle - 1;
  }
  return { kind: "failed", code, message: points.slice(0, low).join("") };
}

function canonicalFailure(code: FailureCode, message: string): string {
  return JSON.stringify({ code, message });
}

/** The bytes under which an outcome is stored and compared: an oid's 20 bytes, or the canonical JSON. */
export function encodeOutcome(outcome: Outcome): Buffer {
  if (outcome.kind === "failed") return Buffer.from(canonicalFailure(outcome.code, outcome.message), "utf8");
  return Buffer.from(outcome.oid, "hex");
}

/** The failure that canonical JSON spells; undefined when the bytes are not what `encodeOutcome` writes. */
export function decodeFailure(bytes: Uint8Array): Failure | undefined {
  if (bytes.length > failureBytesMax) return undefined;
  const text = Buffer.from(bytes).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // JSON.parse reports bad text by throwing; the caller says what it means here
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { code, message } = value as Record<string, unknown>;
  const known = failureCodes.find((each) => each === code);
  if (known === undefined || typeof message !== "string") return undefined;
  const isCanonical = Buffer.from(canonicalFailure(known, message), "utf8").equals(bytes);
  return isCanonical ? { kind: "failed", code: known, message } : undefined;
}

/** True when two outcomes are the same bytes. */
export function sameOutcome(a: Outcome, b: Outcome): boolean {
  return a.kind === b.kind && encodeOutcome(a).equals(encodeOutcome(b));
}
