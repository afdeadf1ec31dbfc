/** `npm run example:fold [-- PATH]`: lines and TODOs of a git repository's folders: cold, again, and after an edit. */
import { join } from "node:path";
import { edited, filesOf, onFreshStore, printRound, resultOf, text } from "../rounds.ts";

await onFreshStore(async (engine) => {
  const post = await engine.addScript(join(import.meta.dirname, "visitor.ts"));
  const { oid } = await engine.borrowTree(process.argv[2] ?? ".");
  const cold = await engine.fold({ in: oid, post });
  console.table(JSON.parse(text(engine, resultOf(cold))).folders, ["lines", "todo"]);
  printRound("cold", cold);
  printRound("again", await engine.fold({ in: oid, post }));
  const [path] = [...filesOf(engine, oid)].at(-1) ?? [""];
  printRound("one edit", await engine.fold({ in: edited(engine, oid, path, (was) => `${was}TODO\n`), post }));
});
