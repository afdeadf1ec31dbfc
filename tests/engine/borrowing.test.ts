import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { NonAnswerError, openEngine, type Engine, type NonAnswer, type Oid, type RunResult } from "../../src/engine.ts";
import { inspectStore } from "../crash/inspect.ts";
import { git, gitOid, repositoryWith, variables } from "../store/git/git.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-borrowing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;

const files = Object.fromEntries(
  ["a", "b", "c", "d"].flatMap((at) => ["x", "y", "z/x", "z/y"].map((name) => [`${at}/${name}`, `${at} ${name}\n`])),
);

/** Works with an engine on a store, and checks the file afterwards by all that a store guarantees. */
async function withEngine<T>(
  work: (engine: Engine) => Promise<T>,
  store = join(folder, `${stores++}.sqlite`),
): Promise<T> {
  const engine = openEngine({ store, environment: variables, executors: 2 });
  try {
    return await work(engine);
  } finally {
    await engine.close();
    expect(inspectStore(store).faults).toEqual([]);
  }
}

async function executed(
  engine: Engine,
  run: () => PromiseLike<RunResult>,
): Promise<{ result: RunResult; requests: Oid[] }> {
  const result = await run();
  const events = engine.lastRun()?.events ?? [];
  return {
    result,
    requests: events
      .filter(({ how }) => how === "run")
      .map(({ request }) => request)
      .toSorted(),
  };
}

async function answerOf(run: PromiseLike<RunResult>): Promise<NonAnswer> {
  try {
    await run;
  } catch (error) {
    if (error instanceof NonAnswerError) return error.answer;
    throw error;
  }
  throw new Error("it had an answer");
}

for (const post of ["line-count", "file-count", "language-stats"]) {
  it(`${post} over what is borrowed executes the same requests, with the same outcome, as over what is copied`, async () => {
    const repository = repositoryWith(files);
    const copied = await withEngine(async (engine) => {
      const { oid } = await engine.importTree(repository);
      return executed(engine, () => engine.fold({ in: oid, post }));
    });
    const borrowed = await withEngine(async (engine) => {
      const { oid, objects } = await engine.borrowTree(repository);
      expect(objects).toBe(0);
      return executed(engine, () => engine.fold({ in: oid, post }));
    });
    expect(borrowed.result.outcome).toEqual(copied.result.outcome);
    expect(borrowed.requests).toEqual(copied.requests);
  });
}

it("a job that has run runs again without the repository, for all that it read is kept", async () => {
  const store = join(folder, `${stores++}.sqlite`);
  const repository = repositoryWith(files);
  const { first, again } = await withEngine(async (engine) => {
    const { oid } = await engine.borrowTree(repository);
    const once = await executed(engine, () => engine.fold({ in: oid, post: "line-count" }));
    rmSync(repository, { recursive: true });
    for (const request of once.requests) engine.forget(request);
    return { first: once, again: await executed(engine, () => engine.fold({ in: oid, post: "line-count" })) };
  }, store);
  expect(again.result.outcome).toEqual(first.result.outcome);
  expect(again.requests).toEqual(first.requests);
});

it("what nobody read is missing once the repository is gone, by name and with where it was looked for", async () => {
  const repository = repositoryWith(files);
  const leaves = Object.keys(files).map((path) => gitOid(repository, ["rev-parse", `HEAD:${path}`]));
  await withEngine(async (engine) => {
    const { oid } = await engine.borrowTree(repository);
    await engine.fold({ in: oid, post: "file-count" });
    rmSync(repository, { recursive: true });
    expect(await answerOf(engine.fold({ in: oid, post: "line-count" }))).toEqual({
      kind: "missing",
      oid: expect.toBeOneOf(leaves) as Oid,
      sources: [join(repository, ".git", "objects")],
    });
  });
});

it("a repository that is packed anew while a fold runs is read on", async () => {
  const repository = repositoryWith(
    Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`d${at % 10}/f${at}`, `${at}\n`])),
  );
  git(repository, ["repack", "-adq"]);
  await withEngine(async (engine) => {
    const { oid } = await engine.borrowTree(repository);
    const run = engine.fold({ in: oid, post: "line-count" });
    git(repository, ["repack", "-adfq"]);
    const { outcome } = await run;
    expect(outcome.kind === "blob" && Buffer.from(engine.get(outcome.oid).body).toString().trim()).toBe("300");
  });
});
