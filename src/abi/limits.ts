/**
 * Counted limits of one execution of a guest. What passes one is a failed outcome `limit`, since it follows from the request (spec, 5.5): the defaults belong to the runtime's marker,
 * and a worker that wants others carries them in its runtime node, and so in the key of every request that it serves.
 *
 * Bytes of a runtime node's `limits` blob: canonical JSON, an object whose keys are some of the names below in alphabetical order, each with a whole number from 1 to the engine's
 * maximum, without white space: `{"fuel":1000000,"memoryPages":16}`. What it leaves out has its default. There is one way to write it; any other is no worker.
 */

/** Names, in alphabetical order. */
export const guestLimitNames = ["depth", "fuel", "logBytes", "memoryPages", "nestedRuns", "resultBytes"] as const;
export type GuestLimitName = (typeof guestLimitNames)[number];
/** Those that a command has: a guest's, and two more. In alphabetical order. */
export const commandLimitNames = [
  "depth",
  "entries",
  "fileBytes",
  "fuel",
  "logBytes",
  "memoryPages",
  "nestedRuns",
  "resultBytes",
] as const;
export type CommandLimitName = (typeof commandLimitNames)[number];

/**
 * - `depth`: slots of eight bytes that the frames of the functions being called may take together (wasm/body.ts says what a function's frame takes);
 * - `fuel`: instructions, more or less (wasm/instruction-facts.ts), by far most of them under a nanosecond;
 * - `logBytes`: bytes of log, a newline a line included;
 * - `memoryPages`: pages of 64 KiB that the memory may grow to; `memory.grow` answers -1 beyond;
 * - `nestedRuns`: nested requests, repeated ones included;
 * - `resultBytes`: bytes of the object that is the result.
 */
export type GuestLimits = Readonly<Record<GuestLimitName, number>>;

/**
 * - `entries`: files and folders that stand in those folders of its tree into which a command looked, by listing one or by a path that leads through it; a folder's count once, also of a tree that stands in several places;
 * - `fileBytes`: bytes of the files that a command changed, of its standard output and its standard error together, and about what its names and listings take.
 */
export type CommandLimits = Readonly<Record<CommandLimitName, number>>;

export const defaultGuestLimits: GuestLimits = {
  depth: 1 << 20,
  fuel: 2 ** 38,
  logBytes: 1 << 20,
  memoryPages: 4096,
  nestedRuns: 1 << 22,
  resultBytes: 512 << 20,
};

export const defaultCommandLimits: CommandLimits = { ...defaultGuestLimits, entries: 1 << 20, fileBytes: 512 << 20 };

/** What a worker may ask for at most. */
export const maximalGuestLimits: GuestLimits = {
  depth: 1 << 21,
  fuel: Number.MAX_SAFE_INTEGER,
  logBytes: 1 << 26,
  memoryPages: 1 << 14,
  nestedRuns: 1 << 24,
  resultBytes: 512 << 20,
};

export const maximalCommandLimits: CommandLimits = { ...maximalGuestLimits, entries: 1 << 22, fileBytes: 512 << 20 };

/** Length of a `limits` blob; all of them at their maxima take less. */
const limitsBytesMax = 1024;

/** The limits that a `limits` blob gives; undefined when it is malformed. */
export function parseGuestLimits(bytes: Uint8Array): GuestLimits | undefined {
  const given = parseLimits(bytes, guestLimitNames);
  return given === undefined ? undefined : { ...defaultGuestLimits, ...given };
}

/** The same for a command's. */
export function parseCommandLimits(bytes: Uint8Array): CommandLimits | undefined {
  const given = parseLimits(bytes, commandLimitNames);
  return given === undefined ? undefined : { ...defaultCommandLimits, ...given };
}

function parseLimits(bytes: Uint8Array, names: readonly CommandLimitName[]): Partial<CommandLimits> | undefined {
  if (bytes.length > limitsBytesMax) return undefined;
  const text = Buffer.from(bytes).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // JSON.parse reports bad text by throwing; the caller says what it means here
  }
  if (typeof value !== "object" || value === null) return undefined;
  const given = value as Partial<Record<CommandLimitName, unknown>>;
  const parsed: Partial<Record<CommandLimitName, number>> = {};
  for (const name of names) {
    const limit = given[name];
    if (limit === undefined) continue;
    if (typeof limit !== "number" || !isAllowed(name, limit)) return undefined;
    parsed[name] = limit;
  }
  return formatGuestLimits(parsed) === text ? parsed : undefined;
}

/** The text of a `limits` blob. */
export function formatGuestLimits(limits: Partial<CommandLimits>): string {
  return JSON.stringify(Object.fromEntries(commandLimitNames.flatMap((name) => entryOf(limits, name))));
}

/** Why these limits can't be a worker's, in a sentence for a person; undefined when they can. */
export function guestLimitsFault(limits: Readonly<Record<string, unknown>>): string | undefined {
  return limitsFault(limits, guestLimitNames);
}

/** The same for a command's. */
export function commandLimitsFault(limits: Readonly<Record<string, unknown>>): string | undefined {
  return limitsFault(limits, commandLimitNames);
}

function limitsFault(
  limits: Readonly<Record<string, unknown>>,
  names: readonly CommandLimitName[],
): string | undefined {
  for (const [key, limit] of Object.entries(limits)) {
    const name = names.find((each) => each === key);
    if (name === undefined) return `there is no limit ${JSON.stringify(key)}; there are ${names.join(", ")}`;
    if (typeof limit !== "number" || !isAllowed(name, limit)) {
      return `${name} must be a whole number from 1 to ${maximalCommandLimits[name]}`;
    }
  }
  return undefined;
}

/** Those that a script has: what it spends otherwise is bounded by its process and the wall clock, which follow from no request. */
const scriptLimitNames: readonly GuestLimitName[] = ["logBytes", "nestedRuns", "resultBytes"];

/** Why these limits can't be a script's, in a sentence for a person; undefined when nothing but their values may be wrong. */
export function scriptLimitsFault(limits: Readonly<Record<string, unknown>>): string | undefined {
  const other = guestLimitNames.find((name) => name in limits && !scriptLimitNames.includes(name));
  return other === undefined ? undefined : `a script has no limit ${other}; it has ${scriptLimitNames.join(", ")}`;
}

/** For people: which limit was passed, its value, and how to raise it. */
export function describePassedLimit(name: GuestLimitName, limits: GuestLimits): string {
  return describePassed(name, limits[name], "worker add FILE");
}

/** The same for a command's. */
export function describeCommandLimit(name: CommandLimitName, limits: CommandLimits): string {
  return describePassed(name, limits[name], "tool add NAME FILE");
}

function describePassed(name: CommandLimitName, value: number, adding: string): string {
  const most = maximalCommandLimits[name];
  const passed = `it passed its limit ${name} of ${value}`;
  if (value >= most) return `${passed}, which is the engine's maximum`;
  const more = JSON.stringify({ [name]: Math.min(most, value * 4) });
  return `${passed}; a worker may have up to ${most}: \`coppice ${adding} --limits '${more}'\``;
}

function isAllowed(name: CommandLimitName, limit: number): boolean {
  return Number.isSafeInteger(limit) && limit >= 1 && limit <= maximalCommandLimits[name];
}

function entryOf(limits: Partial<CommandLimits>, name: CommandLimitName): [string, number][] {
  const limit = limits[name];
  return limit === undefined ? [] : [[name, limit]];
}
