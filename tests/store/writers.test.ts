/** Several processes write to one store at once. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { hashObject } from "../../src/store/object.ts";
import { failure } from "../../src/store/outcome.ts";
import { openStore } from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { inspectStore } from "../crash/inspect.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const child = fileURLToPath(new URL("./writer-child.ts", import.meta.url));

test("processes that make a store and write to it at once all finish, and all that each wrote is there", async () => {
  const path = file();
  const names = ["one", "two", "three"];
  const count = 300;
  const writers = names.map((name) =>
    spawn(process.execPath, [child, path, name, `${count}`], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const ended = writers.map((writer) => once(writer, "close"));
  // They start together: none before all are ready.
  await Promise.all(writers.map((writer) => once(writer.stdout, "data")));
  for (const writer of writers) writer.stdin.end("go");
  expect(await Promise.all(ended)).toEqual(names.map(() => [0, null]));

  const { faults, memos, objects } = inspectStore(path);
  expect(faults).toEqual([]);
  expect([memos, objects]).toEqual([4 * count, 8 * count]);
  const store = openStore(path);
  for (const owner of [...names, "all"]) {
    for (let at = 0; at < count; at++) {
      const blob = hashObject("blob", Buffer.from(`${owner} ${at}`));
      const tree = hashObject("tree", encodeTree([{ mode: "100644", name: "a", oid: blob }]));
      expect(store.outcome(blob)).toEqual(
        at % 2 === 0 ? failure("trap", `${owner} ${at}`) : { kind: "tree", oid: tree },
      );
    }
  }
  expect(store.stats()).toMatchObject({ quarantined: 0, failed: 2 * count });
  store.close();
});
