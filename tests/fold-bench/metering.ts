/**
 * What the rewriting of modules costs on real ones: compression, a database and a parser, compiled to wasm by others, and, heavy on floats, a physics engine and two loops of our own.
 *
 *     npm install --prefix FOLDER @bokuweb/zstd-wasm brotli-wasm sql.js es-module-lexer @dimforge/rapier3d-compat
 *     node tests/fold-bench/metering.ts FOLDER [rounds [workload...]]
 *
 * Each workload runs in processes of its own, plain and with each part of the metering, turn by turn; the table has medians, ratios to the plain module, and how the module grew. A workload's output is compared:
 * rewriting must not change it. Memory's part is its maximum, which costs nothing at run time; it is in every rewritten row.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Metering } from "../../src/isolate-host/wasm/meter.ts";
import { assemble } from "../guests/assemble.ts";
import { rewriteAll } from "./rewriting.ts";

const variants: Readonly<Record<string, Metering | undefined>> = {
  plain: undefined,
  memory: { fuel: false, depth: false, nan: false },
  fuel: { fuel: true, depth: false, nan: false },
  depth: { fuel: false, depth: true, nan: false },
  nan: { fuel: false, depth: false, nan: true },
  all: { fuel: true, depth: true, nan: true },
};
const fuelMax = 2 ** 52;
/** Times that a process does a workload; the fastest counts, since others on the machine only slow it down. */
const turns = 7;

interface Measured {
  readonly ms: number;
  readonly output: string;
  /** Undefined where none is counted. */
  readonly fuel: number | undefined;
  readonly rewriteMs: number;
  readonly bytes: readonly [before: number, after: number];
}

/** Starts a workload; what it returns does the work once, and returns what it made. */
type Workload = (load: (name: string) => unknown) => Promise<() => Uint8Array>;

const workloads: Readonly<Record<string, Workload>> = {
  zstd: async (load) => {
    const zstd = load("@bokuweb/zstd-wasm") as {
      init(): Promise<void>;
      compress(bytes: Uint8Array, level: number): Uint8Array;
      decompress(bytes: Uint8Array): Uint8Array;
    };
    await zstd.init();
    const text = sampleText(2_000_000);
    return () => {
      const small = zstd.compress(text, 9);
      return Buffer.concat([small, digest(zstd.decompress(small))]);
    };
  },
  brotli: async (load) => {
    const brotli = load("brotli-wasm") as {
      compress(bytes: Uint8Array, options: { quality: number }): Uint8Array;
      decompress(bytes: Uint8Array): Uint8Array;
    };
    const text = sampleText(1_000_000);
    return await Promise.resolve(() => {
      const small = brotli.compress(text, { quality: 7 });
      return Buffer.concat([small, digest(brotli.decompress(small))]);
    });
  },
  sqlite: async (load) => {
    interface Database {
      run(sql: string): void;
      exec(sql: string): { readonly values: unknown[][] }[];
      close(): void;
    }
    const start = load("sql.js") as () => Promise<{ Database: new () => Database }>;
    const { Database } = await start();
    return () => {
      const database = new Database();
      database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)");
      database.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) INSERT INTO t SELECT i, (i * 7919) % 10007, 'row ' || ((i * 31) % 1009) FROM n",
      );
      database.run("CREATE INDEX by_b ON t (b, a)");
      const rows = database.exec(
        "SELECT b, count(*), sum(a), max(length(b)) FROM t WHERE a % 3 <> 1 GROUP BY b HAVING count(*) > 2 ORDER BY 3 DESC, 1",
      );
      const joined = database.exec("SELECT count(*) FROM t x JOIN t y ON x.b = y.b AND x.a < y.a");
      database.close();
      return Buffer.from(JSON.stringify([rows, joined]));
    };
  },
  lexer: async (load) => {
    const lexer = load("es-module-lexer") as {
      readonly init: Promise<void>;
      parse(source: string): readonly [imports: readonly object[], exports: readonly object[], ...rest: unknown[]];
    };
    await lexer.init;
    const words = sampleText(2000).toString();
    const statement = `import {a} from "b"; export const c = () => import("d"); /* ${words} */ f(/[x/]+/g, "${words}");\n`;
    const source = statement.repeat(6000);
    return () => {
      const [imports, exported] = lexer.parse(source);
      return Buffer.from(JSON.stringify([imports.length, exported.length, imports.at(-1)]));
    };
  },
  rapier: async (load) => {
    interface Body {
      translation(): { readonly x: number; readonly y: number; readonly z: number };
    }
    interface World {
      createRigidBody(description: unknown): Body;
      createCollider(description: unknown, body?: Body): unknown;
      step(): void;
      free(): void;
    }
    const rapier = load("@dimforge/rapier3d-compat") as {
      init(): Promise<void>;
      readonly World: new (gravity: object) => World;
      readonly RigidBodyDesc: { dynamic(): { setTranslation(x: number, y: number, z: number): unknown } };
      readonly ColliderDesc: { cuboid(x: number, y: number, z: number): unknown; ball(radius: number): unknown };
    };
    await rapier.init();
    return () => {
      const world = new rapier.World({ x: 0, y: -9.81, z: 0 });
      world.createCollider(rapier.ColliderDesc.cuboid(50, 0.1, 50));
      const bodies = Array.from({ length: 216 }, (_, at) => {
        const [x, y, z] = [at % 6, Math.floor(at / 36), Math.floor(at / 6) % 6];
        const body = world.createRigidBody(
          rapier.RigidBodyDesc.dynamic().setTranslation(x * 1.1 + y * 0.1, 2 + y * 1.2, z * 1.1),
        );
        world.createCollider(
          at % 2 === 0 ? rapier.ColliderDesc.cuboid(0.5, 0.5, 0.5) : rapier.ColliderDesc.ball(0.5),
          body,
        );
        return body;
      });
      for (let steps = 0; steps < 60; steps++) world.step();
      const places = bodies.flatMap((body) => Object.values(body.translation()));
      world.free();
      return new Uint8Array(Float64Array.from(places).buffer);
    };
  },
  // The worst for scalars: nothing but dependent arithmetic whose results are stored.
  mandel:
    ownModule(`(module (memory (export "memory") 1) (func (export "run") (local $at i32) (local $x f64) (local $y f64) (local $cx f64) (local $cy f64) (local $t f64) (local $n i32)
    (loop $next
      (local.set $cx (f64.sub (f64.mul (f64.convert_i32_u (i32.and (local.get $at) (i32.const 63))) (f64.const 0.03)) (f64.const 1.5)))
      (local.set $cy (f64.sub (f64.mul (f64.convert_i32_u (i32.shr_u (local.get $at) (i32.const 6))) (f64.const 0.015)) (f64.const 1)))
      (local.set $x (f64.const 0)) (local.set $y (f64.const 0)) (local.set $n (i32.const 0))
      (loop $on
        (local.set $t (f64.add (f64.sub (f64.mul (local.get $x) (local.get $x)) (f64.mul (local.get $y) (local.get $y))) (local.get $cx)))
        (local.set $y (f64.add (f64.mul (f64.mul (f64.const 2) (local.get $x)) (local.get $y)) (local.get $cy)))
        (local.set $x (local.get $t))
        (br_if $on (i32.and (f64.lt (f64.add (f64.mul (local.get $x) (local.get $x)) (f64.mul (local.get $y) (local.get $y))) (f64.const 4))
          (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000)))))
      (f64.store (i32.mul (i32.const 8) (local.get $at)) (local.get $x))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 8192))))))`),
  // The worst for vectors: two operations for each load and store.
  saxpy: ownModule(`(module (memory (export "memory") 1) (func (export "run") (local $at i32) (local $n i32)
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (v128.store (local.get $at) (f32x4.add (f32x4.mul (v128.load (local.get $at)) (v128.const f32x4 0.99 0.98 0.97 0.96)) (v128.const f32x4 1 2 3 4)))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (i32.const 65536))))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 2000))))))`),
};

/** A workload of a module that is written here: `run` works on its memory, of which the first 64 KiB are what it made. */
function ownModule(text: string): Workload {
  return async () => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(assemble(text)), {});
    const memory = instance.exports["memory"] as WebAssembly.Memory;
    return await Promise.resolve(() => {
      (instance.exports["run"] as () => void)();
      return Buffer.from(memory.buffer.slice(0, 65_536));
    });
  };
}

function sampleText(bytes: number): Buffer {
  let seed = 12_345;
  const next = () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 8;
  const words = Array.from({ length: 2000 }, () =>
    next()
      .toString(36)
      .slice(0, 2 + (next() % 5)),
  );
  const parts: string[] = [];
  for (let length = 0; length < bytes;) {
    const word = `${words[Math.min(next() % 2000, next() % 2000)] ?? ""} `;
    parts.push(word);
    length += word.length;
  }
  return Buffer.from(parts.join("").slice(0, bytes));
}

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** Runs one workload here, with every module that is compiled rewritten. */
async function measure(folder: string, name: string, metering: Metering | undefined): Promise<Measured> {
  const rewriting = rewriteAll(metering, fuelMax);
  const work = await (workloads[name] as Workload)(createRequire(join(folder, "package.json")));
  // Until the optimizing compiler has seen what is hot.
  for (let warm = 0; warm < 5; warm++) work();
  const before = rewriting.fuel();
  const times = Array.from({ length: turns }, () => {
    const startedMs = threadMs();
    work();
    return threadMs() - startedMs;
  });
  const after = rewriting.fuel();
  const spent = after === undefined || before === undefined ? undefined : Number(before - after);
  const { rewriteMs, bytes } = rewriting.seen();
  return { ms: Math.min(...times), output: digest(work()).toString("hex"), fuel: spent, rewriteMs, bytes };
}

/** Milliseconds that this thread has computed: others on the machine don't count. */
function threadMs(): number {
  return process.threadCpuUsage().user / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function table(folder: string, rounds: number, names: readonly string[]): void {
  for (const name of names) {
    const rows = new Map<string, Measured[]>(Object.keys(variants).map((variant) => [variant, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [variant, measured] of rows) {
        const text = execFileSync(
          process.execPath,
          [...process.execArgv, import.meta.filename, folder, "--one", name, variant],
          {
            encoding: "utf8",
          },
        );
        measured.push(JSON.parse(text) as Measured);
      }
    }
    const plain = rows.get("plain") ?? [];
    const output = plain[0]?.output;
    for (const [variant, measured] of rows) {
      if (measured.some((each) => each.output !== output)) throw new Error(`${name}: ${variant} changed the output`);
      const ratios = measured.map(({ ms }, round) => ms / (plain[round]?.ms ?? Number.NaN));
      const [first] = measured;
      const [before, after] = first?.bytes ?? [0, 0];
      const fuel = first?.fuel === undefined ? "" : `${(first.fuel / turns / 1e6).toFixed(0)} M fuel`;
      const growth =
        before === 0
          ? ""
          : `${(after / before).toFixed(2)}x bytes, rewritten in ${median(measured.map((each) => each.rewriteMs)).toFixed(0)} ms`;
      const ms = median(measured.map((each) => each.ms));
      process.stdout.write(
        `${name.padEnd(7)} ${variant.padEnd(7)} ${ms.toFixed(1).padStart(7)} ms  ${median(ratios).toFixed(2)}x  ${growth}  ${fuel}\n`,
      );
    }
  }
}

const [folder, second, ...named] = process.argv.slice(2);
const [name, variant] = named;
if (folder === undefined) throw new Error("name the folder in which the modules are installed");
if (second === "--one" && name !== undefined && variant !== undefined) {
  process.stdout.write(JSON.stringify(await measure(folder, name, variants[variant])));
} else table(folder, Number(second ?? 5), named.length > 0 ? named : Object.keys(workloads));
