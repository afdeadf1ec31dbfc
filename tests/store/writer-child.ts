/** `writer-child.ts STORE NAME COUNT`: says that it is ready, waits to be told, then writes objects and memos, some of its own and some that all writers write. */
import { once } from "node:events";
import { failure } from "../../src/store/outcome.ts";
import { openStore } from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";

const [path, name, count] = process.argv.slice(2) as [string, string, string];
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.pause();
const store = openStore(path);
for (let at = 0; at < Number(count); at++) {
  for (const owner of [name, "all"]) {
    const blob = store.put("blob", Buffer.from(`${owner} ${at}`));
    const tree = store.put("tree", encodeTree([{ mode: "100644", name: "a", oid: blob }]));
    const outcome = at % 2 === 0 ? failure("trap", `${owner} ${at}`) : ({ kind: "tree", oid: tree } as const);
    store.remember(blob, { outcome, detail: undefined, fuel: 0, reads: [blob], children: [] }, 1);
  }
  if (at % 7 === 0) store.flush();
}
store.close();
