/**
 * The process in which remembered requests are executed again: one that has executed none of them before, under flags of V8 that are not the usual ones. It has seats for verifiers, and hands on what is to be verified and what is
 * found. `verifying-process START`, where START is a VerifyingStart as JSON; it speaks with whoever forked it.
 */
import type { NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import { ExecutorSeat } from "./executor-seat.ts";
import type { Verdict } from "./message.ts";
import type { ShownFrame } from "./status-board.ts";

export interface VerifyingStart {
  readonly storePath: string;
  readonly executors: number;
  readonly wallClockMsMax: number;
  readonly nestedFramesMax: number;
  /** Flags of V8 for processes that run scripts. */
  readonly scriptFlags: readonly string[];
}

export type ToVerifying =
  /** For a seat that has nothing to do. */
  | { readonly type: "verify"; readonly seat: number; readonly requests: readonly [Oid, ...Oid[]] }
  | { readonly type: "close" };

export type FromVerifying =
  | { readonly type: "verdict"; readonly seat: number; readonly verdict: Verdict }
  /** So many of the seat's requests are done with. */
  | { readonly type: "progress"; readonly seat: number; readonly done: number }
  /** The seat is free. With an answer not all of its requests were verified. */
  | { readonly type: "landed"; readonly seat: number; readonly answer: NonAnswer | undefined };

function serve(start: VerifyingStart, send: (message: FromVerifying) => void): void {
  const seats = Array.from({ length: start.executors }, (_, seat) => seatFor(start, seat, send));
  process.on("message", (message: ToVerifying) => {
    switch (message.type) {
      case "verify":
        void verify(seats[message.seat] as ExecutorSeat, message, send);
        return;
      case "close":
        void Promise.all(seats.map((seat) => seat.close())).then(() => process.disconnect());
        return;
    }
  });
  // Who asked is gone, or has what he asked for.
  process.on("disconnect", () => process.exit());
  // A terminal sends Ctrl-C to all processes, and whoever asked says when to end.
  process.on("SIGINT", () => undefined);
}

async function verify(
  seat: ExecutorSeat,
  { seat: number, requests }: Extract<ToVerifying, { type: "verify" }>,
  send: (message: FromVerifying) => void,
): Promise<void> {
  const report = await seat.start({ requests, isOffer: true, parent: undefined, run: 0, rerun: true, logs: false });
  send({ type: "landed", seat: number, answer: report.how === "ended" ? report.answer : undefined });
}

function seatFor(
  { storePath, wallClockMsMax, nestedFramesMax, scriptFlags }: VerifyingStart,
  seat: number,
  send: (message: FromVerifying) => void,
): ExecutorSeat {
  return new ExecutorSeat({
    storePath,
    wallClockMsMax,
    nestedFramesMax,
    scriptFlags,
    program: "verifier",
    describeStack: (stack: readonly ShownFrame[]) => `request ${stack.at(-1)?.request ?? "?"}`,
    claims: undefined,
    takeScriptWish: () => false,
    bury: () => Promise.resolve(),
    onNews: (_dispatch, news) => {
      if (news.type === "verdict") send({ type: "verdict", seat, verdict: news.verdict });
      if (news.type === "progress") send({ type: "progress", seat, done: news.executed });
    },
  });
}

if (process.send !== undefined && process.argv[2] !== undefined) {
  serve(JSON.parse(process.argv[2]) as VerifyingStart, (message) => void process.send?.(message));
}
