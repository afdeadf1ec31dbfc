/** The benchmark's rows: medians of several runs with their spread, beside the oid of what was computed. */

export interface Row {
  readonly name: string;
  /** The median. */
  readonly value: number;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** Jobs executed in one run. */
  readonly jobs?: number;
  /** Of what was computed in the runs that this figure is from. */
  readonly oid?: string;
  readonly ratioToDirect?: number;
}

/** One run. */
export interface Timed {
  readonly ms: number;
  readonly jobs: number;
  readonly oid: string;
}

/** One run of a fold by the engine. */
export interface TimedFold extends Timed {
  /** Milliseconds that all of the process's threads computed: others on the machine lengthen them less than they do `ms`. */
  readonly cpuMs: number;
}

/** The row of these runs' figures. Throws without any. */
export function row(name: string, unit: string, values: readonly number[], more: Partial<Row> = {}): Row {
  const range = { min: Math.min(...values), max: Math.max(...values) };
  return { name, value: median(values), unit, ...range, runs: values.length, ...more };
}

/** The row of these runs' times, in milliseconds or as what `figure` makes of a run. Throws when they came to different results. */
export function timedRow(
  name: string,
  samples: readonly Timed[],
  unit: string = "ms",
  figure: (sample: Timed) => number = ({ ms }) => ms,
): Row {
  const { jobs, oid } = common(name, samples);
  return row(name, unit, samples.map(figure), { jobs, oid });
}

/** Microseconds a job, those that were computed, and jobs a second. */
export function jobRows(name: string, samples: readonly TimedFold[]): [Row, Row, Row] {
  const cpu = samples.map(({ cpuMs, jobs }) => (cpuMs * 1000) / jobs);
  const { jobs, oid } = common(name, samples);
  return [
    timedRow(`${name}, a job`, samples, "µs", (sample) => (sample.ms * 1000) / sample.jobs),
    row(`${name}, computing a job`, "µs", cpu, { jobs, oid }),
    timedRow(`${name}, jobs a second`, samples, "/s", (sample) => (sample.jobs * 1000) / sample.ms),
  ];
}

/** How many times as long the one took as the other, pair by pair: both of a pair were measured one right after the other. */
export function ratioRow(name: string, long: readonly Timed[], short: readonly Timed[]): Row {
  const ratios = long.map(({ ms }, at) => ms / (short[at]?.ms ?? Number.NaN));
  return row(name, "times", ratios, { oid: common(name, long).oid });
}

/** What all of the runs came to. Throws when that is not one thing. */
function common(name: string, samples: readonly Timed[]): { jobs: number; oid: string } {
  const [first] = samples;
  if (first === undefined) throw new RangeError(`${name}: a row needs a sample`);
  for (const { jobs, oid } of samples) {
    if (oid !== first.oid) throw new Error(`${name}: runs came to different results: ${first.oid}, ${oid}`);
    if (jobs !== first.jobs) throw new Error(`${name}: runs executed ${first.jobs} and ${jobs} jobs`);
  }
  return { jobs: first.jobs, oid: first.oid };
}

/** Throws unless the runs all came to `oid` in `jobs` jobs: a figure of anything else would be no figure of this. */
export function mustBe(name: string, samples: readonly Timed[], expected: { oid: string; jobs: number }): void {
  for (const { oid, jobs } of samples) {
    if (oid !== expected.oid) throw new Error(`${name}: the result is ${oid} where it should be ${expected.oid}`);
    if (jobs !== expected.jobs) throw new Error(`${name}: ${jobs} jobs were executed where ${expected.jobs} are due`);
  }
}

export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[values.length >> 1];
  if (middle === undefined) throw new RangeError("no median of nothing");
  return middle;
}

/** The rows as a table, a line each. */
export function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length)) + 1;
  const heads = ["median".padStart(12), "min".padStart(12), "max".padStart(12), "runs".padStart(6)];
  const head = `${"".padEnd(width)}${heads.join("")}${"to direct".padStart(11)}${"jobs".padStart(10)}  result`;
  const lines = rows.map(({ name, value, min, max, unit, runs, ratioToDirect, jobs, oid }) => {
    const figures = [value, min, max].map((each) => `${digits(each)} ${unit}`.padStart(12)).join("");
    const ratio = (ratioToDirect === undefined ? "" : ratioToDirect.toFixed(1)).padStart(11);
    return `${name.padEnd(width)}${figures}${String(runs).padStart(6)}${ratio}${String(jobs ?? "").padStart(10)}  ${oid ?? ""}`;
  });
  return [head, ...lines].join("\n");
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
