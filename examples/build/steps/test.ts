/**
 * Runs a package's tests, which are written for Node's own runner (`node:test`, `node:assert/strict`): enough of both is here for tests that need no Node. A file that imports what is in no package is skipped.
 */
import type { Job } from "coppice/worker";
import { linked } from "./linked.ts";
import type { Modules } from "./package.ts";

export interface Summary {
  readonly passed: number;
  readonly failed: readonly { readonly file: string; readonly test: string; readonly message: string }[];
  readonly skipped: readonly { readonly file: string; readonly why: string }[];
}

type Run = () => unknown;

/** `name` is the package's folder; `packages` as a bundle's; `tests` the modules of its tests. */
export default async (job: Job<"name" | "packages" | "tests">): Promise<Summary> => {
  const folder = job.text(job.args.name);
  const modules = job.json(job.args.tests) as Modules;
  const script = linked(job, job.args.packages, [{ folder, modules }]);
  let collected: { readonly name: string; readonly run: Run }[] = [];
  const test = (name: string, run: Run) => collected.push({ name, run });
  const provided: Readonly<Record<string, unknown>> = {
    "node:test": Object.assign(test, { test, it: test }),
    "node:assert/strict": assert,
  };
  const require = (specifier: string) => {
    if (specifier in provided) return provided[specifier];
    throw new NotHere(`it imports ${specifier}, which is in no package of the tree`);
  };
  // The code is an argument: to run it is this step's work, and a sealed job is the place to.
  // oxlint-disable-next-line typescript/no-implied-eval
  const load = new Function("require", `${script}return load;`)(require) as (path: string) => unknown;

  const summary = { passed: 0, failed: [] as Summary["failed"][number][], skipped: [] as Summary["skipped"][number][] };
  for (const file of Object.keys(modules)) {
    collected = [];
    try {
      load(`${folder}/${file}`);
    } catch (error) {
      if (error instanceof NotHere) summary.skipped.push({ file, why: error.message });
      else summary.failed.push({ file, test: "", message: String(error) });
      continue;
    }
    for (const { name, run } of collected) {
      try {
        await run();
        summary.passed++;
      } catch (error) {
        summary.failed.push({ file, test: name, message: (error as Error).message });
      }
    }
  }
  return summary;
};

class NotHere extends Error {}

const assert = Object.assign(ok, {
  ok,
  equal: (found: unknown, expected: unknown) => ok(Object.is(found, expected), told(found, expected)),
  notEqual: (found: unknown, other: unknown) => ok(!Object.is(found, other), `found ${shown(found)}`),
  deepEqual: (found: unknown, expected: unknown) => ok(isLike(found, expected), told(found, expected)),
  throws: (run: Run) => {
    try {
      run();
    } catch {
      return;
    }
    throw new Error("it did not throw");
  },
});

function ok(holds: unknown, message = "it does not hold"): void {
  if (!holds) throw new Error(message);
}

/** Of plain objects and arrays, which is all that JSON can say, by what they hold. */
function isLike(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  if (Array.isArray(a) !== Array.isArray(b) || keys.length !== others.length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isLike(a[key as keyof typeof a], b[key as keyof typeof b]));
}

const shown = (value: unknown) => JSON.stringify(value) ?? String(value);
const told = (found: unknown, expected: unknown) => `expected ${shown(expected)}, found ${shown(found)}`;
