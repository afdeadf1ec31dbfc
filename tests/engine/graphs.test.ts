/** A small graph campaign with fixed seeds; `node tests/engine/graph-campaign.ts` is the large one. A fault names the seed of its session. */
import { expect, test } from "vitest";
import {
  executorCounts,
  nestBounds,
  runSession,
  type Disturbance,
  type Session,
  type SessionSummary,
} from "./graph-campaign.ts";

const timeout = 900_000;

/** So many sessions, over the numbers of executors and of nested frames in turn. */
async function play(
  count: number,
  session: Omit<Session, "seed" | "executors" | "nestedFramesMax" | "guests"> & Partial<Pick<Session, "guests">>,
) {
  const summaries: SessionSummary[] = [];
  for (let seed = 1; seed <= count; seed++) {
    const executors = executorCounts[seed % executorCounts.length] as number;
    const nestedFramesMax = nestBounds[seed % nestBounds.length] as number;
    summaries.push(await runSession({ guests: "wasm", ...session, seed, executors, nestedFramesMax }));
  }
  expect(summaries.flatMap(({ faults }) => faults)).toEqual([]);
  const total = (of: (summary: SessionSummary) => number) => summaries.reduce((sum, each) => sum + of(each), 0);
  return {
    nonAnswers: total(({ nonAnswers }) => nonAnswers),
    jobs: total(({ jobs }) => jobs),
    kills: total(({ threads }) => threads.kills),
    deaths: total(({ threads }) => threads.deaths),
    servedJobs: total(({ threads }) => threads.servedJobs),
  };
}

const rounds = 2;

test(
  "with any number of executors and of nested frames, runs come to what the model says, and each request is executed once",
  async () => {
    // Every pair of the two numbers, once.
    const count = executorCounts.length * nestBounds.length;
    const { jobs, nonAnswers } = await play(count, { rounds, disturbance: "none" });
    expect(jobs).toBeGreaterThan(500);
    expect(nonAnswers).toBeGreaterThan(0);
  },
  timeout,
);

for (const guests of ["script", "both"] as const) {
  const who = guests === "both" ? "scripts and wasm guests that call each other" : "scripts";
  test(
    `${who} come to the same, whatever else happens`,
    async () => {
      const { jobs } = await play(3, { rounds, disturbance: "none", guests });
      expect(jobs).toBeGreaterThan(50);
      await play(2, { rounds, disturbance: "kills", guests });
      await play(1, { rounds, disturbance: "storm", guests });
    },
    timeout,
  );
}

test(
  "executors that are idle take part of what others have before them",
  async () => {
    const kind = { cycles: false, missing: false, hang: false, turnsMax: 2 ** 22 };
    // A second thread may start late; the rounds that follow find it there.
    const { servedJobs } = await play(3, { rounds: 8, disturbance: "none", kind });
    expect(servedJobs).toBeGreaterThan(0);
  },
  timeout,
);

test(
  "threads that are killed at any moment change no outcome, nobody waits for ever, and the store stays sound",
  async () => {
    const { deaths } = await play(5, { rounds, disturbance: "kills" });
    expect(deaths).toBeGreaterThan(0);
  },
  timeout,
);

const others: readonly (readonly [name: string, disturbance: Disturbance, count: number])[] = [
  ["runs that are cancelled leave those beside them alone", "aborts", 4],
  ["a guest that never ends is named, and runs that don't need it go on", "hang", 2],
  ["kills, cancellations and guests that never end, all at once, change no outcome", "storm", 3],
];

test.each(others)(
  "%s",
  async (_, disturbance, count) => {
    const { jobs } = await play(count, { rounds, disturbance });
    expect(jobs).toBeGreaterThan(0);
  },
  timeout,
);
