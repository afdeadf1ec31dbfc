/** What all generated modules have at the same places: imports, functions, globals, memory. */

/** What every module imports. */
export const imports = {
  args: ["coppice_v1", "args", ":i"],
  blob: ["coppice_v1", "blob", "i:i"],
  read: ["coppice_v1", "read", "iii:i"],
  putBlob: ["coppice_v1", "put_blob", "iii:i"],
  runMany: ["coppice_v1", "run_many", "iii:i"],
  out: ["coppice_v1", "out", "ii:i"],
  log: ["coppice_v1", "log", "ii:i"],
  clock: ["wasi_snapshot_preview1", "clock_time_get", "iIi:i"],
  random: ["wasi_snapshot_preview1", "random_get", "ii:i"],
  call: ["caos_abi_v1", "call", "ii:i"],
  readAnswer: ["caos_abi_v1", "read", "i:"],
} as const;
export const importNames = Object.keys(imports) as (keyof typeof imports)[];
export const importIndex = (name: keyof typeof imports) => importNames.indexOf(name);

/** Functions of every module, behind the imports; then come the random ones. */
const own = { fold: 0, tell: 1, digest: 2, nested: 3, ask: 4, clock: 5, random: 6, run: 7 } as const;
const ownCount = Object.keys(own).length;
export const ownIndex = (name: keyof typeof own) => importNames.length + own[name];
export const firstRandom = importNames.length + ownCount;

/** Addresses. */
export const place = {
  argOids: 0,
  names: 0x100,
  line: 0x200,
  digits: 0x210,
  items: 0x240,
  answers: 0x280,
  args: 0x300,
  n: 0x340,
  word: 0x348,
  oid: 0x360,
  state: 0x400,
  stateTail: 0x700,
  stateEnd: 0x718,
  calls: 0x740,
  answer: 0xc00,
  free: 0x2000,
  /** From here on, where hardly anything is written, the digest takes every eighth word. */
  thinFrom: 0x8000,
} as const;
export const nameBytes = 12;
export const oidBytes = 20;
export const itemBytes = 16;
/** What is random lies in this many bytes from `place.free` on: within the first page. */
export const freeMask = 0x3fff;

/** Globals of every module: what was seen, and the argument. */
export const global = { sum: 0, level: 1, n: 2 } as const;
export const fixedGlobals = 3;
export const factor = 0x9e3779b97f4a7c15n - (1n << 64n);
