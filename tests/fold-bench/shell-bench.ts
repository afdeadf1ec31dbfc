/**
 * What scripts cost in a warm engine: `node tests/fold-bench/shell-bench.ts [ROUNDS]`. Each round does each kind once, the system's bash among them, so that other work on the machine meets all alike; told are medians in
 * milliseconds.
 */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import { rmSync } from "node:fs";
import { environment, makeFolder } from "../workers/shell-folder.ts";
import { openShell } from "../workers/shell-room.ts";
import { putWasmTools } from "../workers/wasm-tools.ts";
import { wholeNumber } from "../whole-number.ts";

const rounds = wholeNumber("rounds", process.argv[2] ?? "30");
const shell = openShell(putWasmTools);
const folder = makeFolder();
const stages = (last: string) => `cat a.txt b.txt | grep a | tr a-z A-Z | ${last}`;

const kinds: Readonly<Record<string, (round: number) => unknown>> = {
  "a script without commands": (round) => shell.end(["-c", `: ${round}; for i in 1 2 3; do echo $i; done`]),
  "four stages, none remembered": (round) =>
    // A variable that is exported is part of what each stage is asked.
    shell.end(["-c", `export ROUND=${round}; cat a.txt b.txt | grep a | tr a-z A-Z | wc -l`]),
  "another last stage, three remembered": (round) => shell.end(["-c", stages(`head -n ${round + 1}`)]),
  "all stages remembered": (round) => shell.end(["-c", `: ${round}; ${stages("wc -c")}`]),
  "the script remembered": () => shell.end(["-c", stages("wc -c")]),
  "four stages in the system's bash": (round) => {
    spawnSync("bash", ["-c", `export ROUND=${round}; cat a.txt b.txt | grep a | tr a-z A-Z | wc -l`], {
      cwd: folder,
      env: environment,
    });
  },
};
const taken = new Map(Object.keys(kinds).map((name) => [name, [] as number[]]));
const warmRounds = 5;
try {
  for (let round = 0; round < rounds + warmRounds; round++) {
    for (const [name, work] of Object.entries(kinds)) {
      const start = performance.now();
      await work(round);
      if (round >= warmRounds) taken.get(name)?.push(performance.now() - start);
    }
  }
} finally {
  await shell[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}
for (const [name, times] of taken) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? NaN).toFixed(2).padStart(8);
  console.log(`${name.padEnd(40)}${at(0.5)} ms, fastest tenth ${at(0.1)}`);
}
