/** `child.ts STORE TREE`: folds a tree and prints what came of it, as one line of JSON. It is there to be killed. */
import { openEngine, parseOid } from "../../src/engine.ts";

const [store, tree] = process.argv.slice(2);
const root = parseOid(tree ?? "");
if (store === undefined || root === undefined) throw new Error("usage: child.ts STORE TREE");
const engine = openEngine({ store });
const { outcome, jobs } = await engine.fold({ in: root, post: "line-count" });
await engine.close();
process.stdout.write(`${JSON.stringify({ outcome, executed: jobs.executed })}\n`);
