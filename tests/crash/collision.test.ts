/** What the store refuses while an executor computes is a non-answer of that run, not the end of every run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { NonAnswerError, openEngine, type Oid } from "../../src/engine.ts";
import { packedBodyBytesMax } from "../../src/store/packed-objects.ts";
import { openStore } from "../../src/store/store.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-collision-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a result whose name another content has already is refused as a host error, and other runs go on", async () => {
  const input = { worker: "line-count", args: { in: "a\nb\n", children: { oid: "" as Oid } } };
  const first = openEngine({ store: join(folder, "first.sqlite") });
  input.args.children.oid = first.putTree([]);
  const { outcome } = await first.run(input);
  await first.close();
  if (outcome.kind === "failed") throw new Error(outcome.message);
  // As if another content of that name had come first, so large that it is told from the result by its digest.
  const store = join(folder, "second.sqlite");
  const earlier = openStore(store);
  earlier.putChecked(outcome.oid, "blob", Buffer.alloc(packedBodyBytesMax + 1));
  earlier.close();
  const second = openEngine({ store });
  second.putTree([]);
  const refused = await second.run(input).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(NonAnswerError);
  expect(refused).toMatchObject({ answer: { kind: "host" } });
  const other = await second.run({ ...input, args: { ...input.args, in: "a\nb\nc\n" } });
  expect(other.outcome.kind).toBe("blob");
  await second.close();
});
