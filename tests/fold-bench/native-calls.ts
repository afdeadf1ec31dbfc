/** Times a native command as a program of Node's starts it: called with the folder, the count, and the command with its arguments, prints the milliseconds of each call as JSON. A process of its own, since forking a large one takes longer. */
import { spawnSync } from "node:child_process";

const [cwd, count, name, ...args] = process.argv.slice(2);
if (cwd === undefined || name === undefined) throw new Error("native-calls FOLDER COUNT COMMAND [ARG...]");
const times: number[] = [];
for (let call = 0; call < Number(count); call++) {
  const startedMs = performance.now();
  spawnSync(name, args, { cwd, env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" } });
  times.push(performance.now() - startedMs);
}
process.stdout.write(JSON.stringify(times));
