/**
 * What the rewriting of modules costs on real ones: compression and a database, compiled to wasm by others.
 *
 *     npm install --prefix FOLDER @bokuweb/zstd-wasm brotli-wasm sql.js
 *     node tests/fold-bench/metering.ts FOLDER [rounds]
 *
 * Each workload runs in processes of its own, plain and with each part of the metering, turn by turn; the table has medians, ratios to the plain module, and how the module grew. A workload's output is compared:
 * rewriting must not change it. Memory's part is its maximum, which costs nothing at run time; it is in every rewritten row.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { defaultGuestLimits } from "../../src/abi/limits.ts";
import type { Metering } from "../../src/isolate-host/wasm/meter.ts";
import { fuelExport, rewriteModule } from "../../src/isolate-host/wasm/module.ts";

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
};

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
  const real = { Module: WebAssembly.Module, Instance: WebAssembly.Instance };
  let fuel: WebAssembly.Global | undefined;
  let rewriteMs = 0;
  let bytes: readonly [number, number] = [0, 0];
  const compile = (module: Uint8Array | ArrayBuffer): WebAssembly.Module => {
    const given = module instanceof Uint8Array ? module : new Uint8Array(module);
    if (metering === undefined) return new real.Module(given);
    const startedMs = performance.now();
    const limits = { depth: defaultGuestLimits.depth, fuel: fuelMax, memoryPages: defaultGuestLimits.memoryPages };
    const fit = rewriteModule(given, undefined, limits, metering, false);
    rewriteMs += performance.now() - startedMs;
    bytes = [given.length, fit.bytes.length];
    return new real.Module(fit.bytes);
  };
  const start = (module: WebAssembly.Module, imports: Record<string, Record<string, unknown>>) => {
    const instance = new real.Instance(module, imports);
    fuel = instance.exports[fuelExport] as WebAssembly.Global | undefined;
    return instance;
  };
  Object.assign(WebAssembly, {
    Module: new Proxy(real.Module, { construct: (_, [module]) => compile(module as Uint8Array) }),
    Instance: new Proxy(real.Instance, {
      construct: (_, [module, imports]) =>
        start(module as WebAssembly.Module, imports as Record<string, Record<string, unknown>>),
    }),
    instantiate: async (source: Uint8Array, imports: Record<string, Record<string, unknown>>) => {
      const module = compile(source);
      return await Promise.resolve({ module, instance: start(module, imports) });
    },
    instantiateStreaming: undefined,
  });
  const work = await (workloads[name] as Workload)(createRequire(join(folder, "package.json")));
  // Until the optimizing compiler has seen what is hot.
  for (let warm = 0; warm < 5; warm++) work();
  const before = fuel?.value;
  const times = Array.from({ length: turns }, () => {
    const startedMs = threadMs();
    work();
    return threadMs() - startedMs;
  });
  const spent = fuel === undefined || before === undefined ? undefined : Number(BigInt(before) - BigInt(fuel.value));
  return { ms: Math.min(...times), output: digest(work()).toString("hex"), fuel: spent, rewriteMs, bytes };
}

/** Milliseconds that this thread has computed: others on the machine don't count. */
function threadMs(): number {
  return process.threadCpuUsage().user / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function table(folder: string, rounds: number): void {
  for (const name of Object.keys(workloads)) {
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

const [folder, second, name, variant] = process.argv.slice(2);
if (folder === undefined) throw new Error("name the folder in which the modules are installed");
if (second === "--one" && name !== undefined && variant !== undefined) {
  process.stdout.write(JSON.stringify(await measure(folder, name, variants[variant])));
} else table(folder, Number(second ?? 5));
