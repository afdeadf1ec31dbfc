/**
 * What replay bundles cost: their size, the time to write and to replay one, and the size of the same objects in a pack of git's.
 *
 *     node tests/fold-bench/bundles.ts [FILES [ROUNDS]]
 *
 * A synthetic tree of so many files is folded by `line-count`, each round in a fresh store; times are medians, and ratios are to the fold of the same round.
 */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, zstdCompressSync } from "node:zlib";
import { openEngine, replayBundle, type Oid } from "../../src/engine.ts";
import { CarReader } from "../../src/store/car.ts";
import { syntheticTree } from "./fixtures.ts";

const files = Number(process.argv[2] ?? "10000");
const rounds = Number(process.argv[3] ?? "3");
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

const folder = mkdtempSync(join(tmpdir(), "coppice-bundles-"));
try {
  const rows = { fold: [] as number[], collect: [] as number[], write: [] as number[], replay: [] as number[] };
  const file = join(folder, "bundle.car");
  for (let round = 0; round < rounds; round++) {
    const path = join(folder, `${round}.sqlite`);
    const engine = openEngine({ store: path });
    const tree = syntheticTree(engine, files);
    const times = [performance.now()];
    const { request } = await engine.fold({ in: tree, post: "line-count" });
    times.push(performance.now());
    const bundle = await engine.bundle(request);
    times.push(performance.now());
    const fd = openSync(file, "w");
    for (const piece of bundle.bytes) writeSync(fd, piece);
    closeSync(fd);
    times.push(performance.now());
    await engine.close();
    rmSync(path);
    const started = performance.now();
    const { jobs, differing, isExact } = await replayBundle(file);
    if (differing > 0 || isExact !== true) throw new Error("the replay is not what was recorded");
    const [begun = 0, folded = 0, collected = 0, written = 0] = times;
    rows.fold.push(folded - begun);
    rows.collect.push(collected - folded);
    rows.write.push(written - collected);
    rows.replay.push(performance.now() - started);
    print(`round ${round + 1}: ${jobs} jobs, ${bundle.objects} objects, ${statSync(file).size} bytes`);
  }
  for (const [name, times] of Object.entries(rows)) {
    const ratios = times.map((time, at) => time / (rows.fold[at] as number));
    print(`${name}: ${median(times).toFixed(0)} ms, ${median(ratios).toFixed(2)} times the fold`);
  }
  print(`zstd: ${zstdCompressSync(readFileSync(file)).length} bytes`);
  print(`the same objects in a pack of git's: ${packBytes(file, 0)} bytes without deltas, ${packBytes(file, 10)} with`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What `git pack-objects` makes of a bundle's objects. */
function packBytes(bundle: string, window: number): number {
  const repository = join(folder, `pack-${window}`);
  execFileSync("git", ["init", "--quiet", "--bare", repository]);
  const car = new CarReader(bundle);
  const names: Oid[] = [];
  for (let block = car.next(); block !== undefined; block = car.next()) {
    const { kind, body } = block.object;
    names.push(block.name);
    const place = join(repository, "objects", block.name.slice(0, 2));
    mkdirSync(place, { recursive: true });
    const whole = Buffer.concat([Buffer.from(`${kind} ${body.length}\0`), body]);
    writeFileSync(join(place, block.name.slice(2)), deflateSync(whole, { level: 1 }));
  }
  car.close();
  const pack = execFileSync("git", ["pack-objects", "--quiet", "--stdout", `--window=${window}`], {
    cwd: repository,
    input: `${names.join("\n")}\n`,
    maxBuffer: 1 << 30,
  });
  return pack.length;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
