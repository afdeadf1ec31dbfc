/**
 * Where a failure began, for people: a fold that fails only hands on what a job far below it said, and what the engine knows of the cause
 * (V8's words, the function) stands with that job's memo.
 */
import type { Oid } from "./store/oid.ts";
import type { Failure, Memo } from "./store/outcome.ts";
import type { Store } from "./store/store.ts";

/** What the engine noted about the failure that `request` reports, or undefined when it noted nothing. */
export function failureDetail(store: Store, request: Oid): string | undefined {
  let memo = store.memo(request);
  const seen = new Set<Oid>();
  for (let below = failedChild(store, memo, seen); below !== undefined; below = failedChild(store, memo, seen))
    memo = below;
  return memo?.detail;
}

/** The memo of the child whose failure this one hands on: its message is part of this one's. */
function failedChild(store: Store, memo: Memo | undefined, seen: Set<Oid>): Memo | undefined {
  if (memo?.outcome.kind !== "failed") return undefined;
  const { message } = memo.outcome;
  for (const child of memo.children) {
    if (seen.has(child)) continue;
    seen.add(child);
    const below = store.memo(child);
    if (below?.outcome.kind === "failed" && message.includes((below.outcome satisfies Failure).message)) return below;
  }
  return undefined;
}
