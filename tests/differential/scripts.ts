/**
 * Random scripts: a seed stands for a worker that does some of what depends on compilers, clock, chance, place or order in other hosts, and gives all that it has seen as its result. How it is called, and
 * whom it runs, is as for the modules (batches.ts).
 *
 * What a script sees of a NaN's bits through two arrays over one buffer is not covered by the guarantee (design/scripts.md), so none looks there.
 */
import { dice, type Dice } from "../scheduler/seeded.ts";
import { batchGuests, guestName, variants } from "./batches.ts";

const functions =
  "sin cos tan asin acos atan sinh cosh tanh exp expm1 log log1p log2 log10 sqrt cbrt fround trunc round ceil floor sign abs".split(
    " ",
  );
const numbers = [
  "0",
  "-0",
  "1",
  "-1.5",
  "1e-7",
  "1e21",
  "0.1",
  "123456789.123",
  "2**53",
  "-(2**31)",
  "NaN",
  "Infinity",
  "5e-324",
];
const words = ["straße", "İstanbul", "ııı", "zebra", "Äpfel", "apfel", "ﬁn", "naïve", "Ωmega", "𝒳y"];

type Part = (random: Dice) => string;
const pick = <T>(random: Dice, from: readonly T[]) => from[random.below(from.length)] as T;
const some = <T>(random: Dice, count: number, of: () => T) => Array.from({ length: 1 + random.below(count) }, of);

const parts: readonly Part[] = [
  // Functions that are called often enough to be optimized, with operands that change their kind on the way.
  (random) => `
    const f = (a, b) => ${pick(random, ["a * b + a", "a - b / 3", "(a | 0) + b", "a % (b + 0.5)", "a ** (b % 3)", "Math.hypot(a, b)", "Math.atan2(a, b)"])};
    let sum = ${pick(random, numbers)};
    for (let i = 0; i < ${200 + random.below(4000)}; i++) {
      const x = f(i, i % 7 === 0 ? i + 0.25 : i ^ ${random.below(1000)});
      if (x === x && Number.isFinite(x)) sum = (sum === sum && Number.isFinite(sum) ? sum : 1) * 0.5 + x;
      if (i === ${100 + random.below(3000)}) sum = f(sum, ${pick(random, ["'12'", "null", "true", "[3]", "1e300"])});
    }
    see(sum, bits(sum));`,
  (random) => `
    for (const x of [${some(random, 6, () => pick(random, numbers)).join()}]) {
      for (let i = 0; i < ${1 + random.below(400)}; i++) keep = Math.${pick(random, functions)}(x + i / 8);
      see(keep, bits(keep), bits(x * keep), bits(x - x), bits(0 / x));
    }`,
  (random) => `
    const all = numbers(${10 + random.below(600)}, ${random.below(1e6)});
    see(all.slice().sort().join().length, all.slice().sort((a, b) => ${pick(random, ["a - b", "b - a", "(a % 10) - (b % 10)", "a > b ? 1 : -1", "((a * 7919) % 13) - 6"])}).slice(0, 40));
    see(all.toSorted((a, b) => (a & 7) - (b & 7)).slice(0, 20), Math.max(...all), all.indexOf(Math.min(...all)));`,
  (random) => `
    const map = new Map(); const object = {};
    for (const x of numbers(${5 + random.below(300)}, ${random.below(1e6)})) {
      if (x % 3 === 0) { map.delete(x % ${50 + random.below(50)}); delete object["k" + (x % 40)]; }
      else { map.set(x % ${50 + random.below(50)}, x); object[x % 2 ? "k" + (x % 40) : x % 40] = x; }
    }
    see([...map], object, Object.getOwnPropertyNames(object), [...new Set([...map.values()].map((x) => x % 17))]);
    for (const key in object) see(key);`,
  (random) => `
    for (const x of [${some(random, 5, () => pick(random, numbers)).join()}]) {
      see(x.toString(${2 + random.below(35)}), x.toFixed(${random.below(20)}), x.toPrecision(${1 + random.below(20)}), x.toExponential(), JSON.stringify({ x }), parseFloat(String(x)) === x, x | 0, x >>> ${random.below(32)});
    }`,
  (random) => `
    const text = ${JSON.stringify(some(random, 6, () => pick(random, words)).join(" "))};
    see(text.replace(/${pick(random, ["(\\w)(\\W)", "[aeiou]+", "\\p{L}{2}", "(?<=a)\\S", "(.)\\1"])}/gu, (...found) => "<" + found.slice(0, -2).join("|") + ">"), [...text.matchAll(/\\p{Lu}/gu)].map((found) => found.index));
    see(text.toLocaleUpperCase(), text.toUpperCase(), text.toLocaleLowerCase(), text.normalize("NFKD"), text.split(" ").sort(), text.split(" ").sort((a, b) => a.localeCompare(b)), [...new Intl.Segmenter().segment(text)].length);`,
  () => `
    see(Date.now(), new Date().toISOString(), new Date().toString(), new Date(2026, 5, 7, 8, 9).toString(), new Date(0).getTimezoneOffset(), performance.now(), Date());`,
  (random) => `
    see(new Date(${random.below(1e9)} * 1000).toLocaleString(), new Intl.DateTimeFormat().resolvedOptions().timeZone, new Intl.DateTimeFormat("de", { dateStyle: "full", timeStyle: "long" }).format(${random.below(1e9)} * 1000), (1234567.891).toLocaleString(), new Intl.NumberFormat("en-IN").format(${random.below(1e9)}));`,
  () => `
    see(Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(5))], Math.random() < 0.5 ? "heads" : "tails");`,
  (random) => `
    const big = ${random.below(1e9)}n ** ${1 + random.below(30)}n;
    see(big.toString(36), BigInt.asIntN(64, big).toString(), [...new BigInt64Array([big, -big])].map(String));
    const floats = Float32Array.of(${some(random, 5, () => pick(random, numbers)).join()});
    see([...floats], [...new Int16Array(floats)], [...new Uint8ClampedArray(floats)], [...Float64Array.from(floats, (x) => x / 3)]);
    made.push(floats);`,
  () => `
    try { null.x; } catch (error) { see(String(error), error.stack); }
    try { [].reduce((a) => a); } catch (error) { see(error.message, error.stack); }
    see(typeof WeakRef, typeof SharedArrayBuffer, Object.getOwnPropertyNames(globalThis).length, (function named(a, b) { return a; }).toString());`,
  (random) => `
    queueMicrotask(() => see("micro"));
    await Promise.all([1, 2, 3].map(async (x) => { for (let i = 0; i < (x * ${1 + random.below(5)}) % 4; i++) await null; see("turn", x); }));`,
  (random) => `
    const list = []; for (let i = 0; i < ${10 + random.below(2000)}; i++) { list[(i * ${1 + random.below(97)}) % 513] = i % 5 ? i : i / 3; if (i % 50 === 0) list.splice(i % 7, 1); }
    see(list.length, list.reduce((a, b) => (a * 31 + b) % 1000003, 7), list.findLast((x) => x % 3 === 0), list.filter((_, i) => i % 40 === 0));`,
];

/** What asks other scripts; each is run by a level above 0 alone. */
const nesting: readonly Part[] = [
  (random) => `
    const runs = [${some(random, 4, () => random.below(batchGuests)).join()}].map((guest, at) => run(guest, at).then((found) => { see("came", at, found.oid); return at; }, (error) => see("failed", at, error.code, error.message)));
    see("first", await Promise.race(runs));
    see(Date.now());
    await Promise.all(runs);`,
  (random) => `
    const first = await run(${random.below(batchGuests)}, ${random.below(3)}).catch((error) => error.message);
    const order = [];
    const [late, early] = [run(${random.below(batchGuests)}, 0), run(${random.below(batchGuests)}, 1)];
    early.then(() => order.push("early"), () => order.push("early failed"));
    late.then(() => order.push("late"), () => order.push("late failed"));
    await Promise.allSettled([early, late]);
    see(first.oid ?? first, order, Math.random());`,
  (random) => `
    try {
      const found = await job.runMany([${some(random, 3, () => random.below(batchGuests)).join()}].map((guest, at) => ({ worker: name(guest), args: argument(at) })));
      see(found.map(({ kind, oid }) => kind + oid), found[0].kind === "blob" ? job.bytes(found[0]).length : job.tree(found[0]).length);
    } catch (error) { see(error.name, error.code, error.index, error.message); }`,
];

/** The worker that a seed stands for: a module of JavaScript. */
export function generateScript(seed: number): string {
  const random = dice(seed * 104_729 + 3);
  const body = some(random, 6, () => `{${pick(random, parts)(random)}\n  }`);
  const asking = some(random, 2, () => `if (level > 0) {${pick(random, nesting)(random)}\n  }`);
  const ends = [
    "return { seen, level };",
    "return { seen, level };",
    "return made.length > 0 ? made[0] : JSON.stringify(seen);",
    'return new Map([["seen", JSON.stringify(seen)], ["made", new Map(made.map((each, at) => [String(at), each]))]]);',
    "throw new Error(seen.join().slice(0, 500));",
  ];
  return `export default async (job) => {
  const n = job.bytes(job.args.n)[0];
  const level = Math.floor(n / ${variants});
  const seen = [];
  const made = [];
  let keep = 0;
  const spell = (value) => typeof value === "string" ? value : JSON.stringify(value, (_, x) => typeof x === "number" ? String(x) : x) ?? String(value);
  const see = (...values) => { seen.push(...values.map(spell)); };
  const bits = (x) => { const view = new DataView(new ArrayBuffer(8)); view.setFloat64(0, x); return view.getBigUint64(0).toString(16); };
  const numbers = (count, seed) => Array.from({ length: count }, () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8);
  const name = (guest) => "g" + String((guest + n) % ${batchGuests}).padStart(2, "0");
  const argument = (at) => ({ n: Uint8Array.of((level - 1) * ${variants} + ((at + n) % ${variants})) });
  const run = (guest, at) => job.run(name(guest), argument(at));
  see(n, "${guestName(seed % batchGuests)}");
  ${[...body.slice(1), ...asking, ...body.slice(0, 1)].join("\n  ")}
  ${pick(random, ends)}
};
`;
}
