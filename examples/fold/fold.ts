/** `npm run example:fold [-- PATH]`: lines and TODOs of a git repository's folders: cold, again, and after an edit. */
import { join } from "node:path";
import { edited, filesOf, folderAt, onFreshStore, printRound, resultOf, text } from "../rounds.ts";

type Report = { readonly lines: number; readonly todo: number; readonly folders: object };

await onFreshStore(async (engine) => {
  const post = await engine.addScript(join(import.meta.dirname, "visitor.ts"));
  const oid = await folderAt(engine, process.argv[2] ?? ".");
  const cold = await engine.fold({ in: oid, post });
  const { lines, todo, folders } = JSON.parse(text(engine, resultOf(cold))) as Report;
  if (Object.keys(folders).length > 0) console.table(folders, ["lines", "todo"]);
  else console.log(`${lines} lines, ${todo} TODOs, and no folders`);
  printRound("cold", cold);
  printRound("again", await engine.fold({ in: oid, post }));
  const [path] = [...filesOf(engine, oid)].at(-1) ?? [""];
  printRound("one edit", await engine.fold({ in: edited(engine, oid, path, (was) => `${was}TODO\n`), post }));
});
