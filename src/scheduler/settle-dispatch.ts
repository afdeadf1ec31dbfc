/**
 * A dispatch, settled inside an executor as far as it can be without others. Frames that unwind are kept in a plan of the dispatch's own and run again here, deepest first, once what they
 * missed is settled: depth costs no message and no commit. Only what other executors have is left to the scheduler.
 */
import { NonAnswerError } from "../abi/non-answer.ts";
import type { Request } from "../abi/request.ts";
import type { Oid } from "../store/oid.ts";
import type { Outcome } from "../store/outcome.ts";
import { Plan, type Miss } from "./plan.ts";
import type { Dispatch } from "./runner.ts";
import type { Batch, Neighbours, Settler } from "./settle.ts";

/** An executor, as a dispatch needs it. */
export interface Place {
  readonly settler: Settler;
  /** Undefined for an executor that is alone. */
  readonly neighbours: Neighbours | undefined;
  read(request: Oid): Request;
}

export type Dispatched =
  | { readonly how: "settled"; readonly outcome: Outcome }
  | { readonly how: "waiting"; readonly misses: readonly Miss[] }
  | { readonly how: "elsewhere"; readonly epoch: number }
  | { readonly how: "served" };

/** Settles what was dispatched. With `alone` nothing is nested in anything. Throws NonAnswerError, and the store's errors. */
export function settleDispatch(place: Place, dispatch: Dispatch, alone: boolean): Dispatched {
  if (!dispatch.isOffer) return settleOne(place, dispatch.requests[0], dispatch, alone);
  const batch: Batch = { requests: dispatch.requests.map((request) => place.read(request)), at: 0, begun: 0 };
  for (const [at, { oid }] of batch.requests.entries()) {
    batch.at = at;
    batch.begun = at + 1;
    // Who offered these works through them from the other end: where the two meet, all is begun.
    if (settleOne(place, oid, dispatch, alone, batch).how === "elsewhere") break;
  }
  return { how: "served" };
}

/** With the batch of which the request is the one at hand, if it is one of several. */
function settleOne(place: Place, top: Oid, dispatch: Dispatch, alone: boolean, within?: Batch): Dispatched {
  const { run } = dispatch;
  const { settler, neighbours } = place;
  const plan = new Plan();
  plan.ask(top);
  let mayTakeBack = true;
  for (;;) {
    const ready = plan.next();
    const request = ready ?? (mayTakeBack ? nextTakenBack(plan, neighbours) : undefined);
    // What is met elsewhere twice is not waited for: others may have work to share.
    mayTakeBack = ready !== undefined;
    if (request === undefined) return { how: "waiting", misses: plan.misses };
    if (neighbours?.areHungry() === true) offerReady(plan, neighbours);
    const isSuspended = (name: Oid) => plan.isWaiting(name);
    const isTop = request === top;
    const batch = isTop ? within : undefined;
    const parent = isTop ? dispatch.parent : plan.waiterOf(request);
    const rerun = dispatch.rerun && isTop;
    const known = batch?.requests[batch.at];
    const isNew = isTop && neighbours !== undefined && neighbours.claims.epoch === dispatch.along?.epoch;
    const how = { parent, run, rerun, isNew, alone, isSuspended, batch };
    const settled = settler.settle(known ?? place.read(request), how);
    switch (settled.how) {
      case "settled":
        if (isTop) return settled;
        plan.settled(request);
        break;
      case "elsewhere":
        if (isTop) return settled;
        plan.elsewhere(request, settled.epoch);
        break;
      case "suspended": {
        const [circle] = plan.suspended(settled.frames);
        // The dispatched request waits for all that is in its plan, so for the circle, too.
        if (circle !== undefined) throw new NonAnswerError({ kind: "cycle", requests: circle });
        break;
      }
    }
  }
}

/** The next request when only those are left that others had, if something was given back since. */
function nextTakenBack(plan: Plan, neighbours: Neighbours | undefined): Oid | undefined {
  for (const request of plan.elsewhereBefore(neighbours?.claims.epoch ?? 0)) plan.takeBack(request);
  return plan.next();
}

function offerReady(plan: Plan, neighbours: Neighbours): void {
  const ready = plan.ready;
  const parent = ready[0] && plan.waiterOf(ready[0]);
  if (parent === undefined) return;
  neighbours.offer(
    parent,
    ready.filter((request) => plan.waiterOf(request) === parent),
  );
}
