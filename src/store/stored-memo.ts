/** A memo as a record holds it, and as callers know it. */
import { CorruptObject } from "./errors.ts";
import { oidsOf, outcomeCodes, type StoredMemo } from "./job-record.ts";
import type { Oid } from "./oid.ts";
import { decodeFailure, encodeOutcome, type Memo, type Outcome } from "./outcome.ts";

/** What a record holds of a memo that `run` came to. */
export function storedMemo({ outcome, detail, fuel, reads, children }: Memo, run: number): StoredMemo {
  return {
    run,
    kind: outcomeCodes[outcome.kind],
    result: outcome.kind === "failed" ? encodeOutcome(outcome) : outcome.oid,
    detail,
    fuel,
    reads,
    children,
    quarantined: false,
  };
}

/** A memo as it was remembered, be it quarantined or not. Throws CorruptObject. */
export function keptMemo(request: Oid, stored: StoredMemo): Memo {
  const { detail, fuel, reads, children } = stored;
  return { outcome: storedOutcome(request, stored), detail, fuel, reads: oidsOf(reads), children: oidsOf(children) };
}

/** A memo's outcome, be it quarantined or not. Throws CorruptObject. */
export function storedOutcome(request: Oid, { kind, result }: Pick<StoredMemo, "kind" | "result">): Outcome {
  if (typeof result === "string") return { kind: kind === outcomeCodes.blob ? "blob" : "tree", oid: result };
  const failed = decodeFailure(result);
  if (failed === undefined) throw new CorruptObject(request, "its memo's outcome is malformed");
  return failed;
}
