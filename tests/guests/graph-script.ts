/** The guest of graph.ts as a script: it asks for the same requests, sees the same, and ends in the same ways. It is bundled and run sealed, so it stands alone. */
import type { Job } from "coppice/worker";

export default async (job: Job<"graph" | "node">): Promise<Uint8Array | undefined> => {
  const graph = words(job.bytes(job.args.graph));
  const node = words(job.bytes(job.args.node))[0] as number;
  let at = (graph[node] as number) / 4;
  const next = () => graph[at++] as number;
  burn(next());
  const [after, ends, batches] = [next(), next(), next()];
  const seen: Uint8Array[] = [bytesOf(node)];
  for (let batch = 0; batch < batches; batch++) {
    const children = Array.from({ length: next() }, next);
    const runs = children.map((child) => job.run(`graph${child % 2}`, { graph: job.args.graph, node: bytesOf(child) }));
    seen.push(...answered(await Promise.allSettled(runs)));
  }
  burn(after);
  const saw = joined(seen);
  const { oid } = job.putBlob(saw);
  // eslint-disable-next-line no-throw-literal -- a text is a failure's whole message
  if (ends === 1) throw `it saw ${oid}`;
  if (ends === 2) return undefined;
  if (ends === 3) job.bytes(`${"ee".repeat(16)}${hex(bytesOf(node))}`);
  if (ends === 4) for (;;);
  return saw;
};

/** What `run_many` answers a wasm guest, and the messages behind it. */
function answered(runs: readonly PromiseSettledResult<{ readonly oid: string }>[]): Uint8Array[] {
  const messages = runs.map((run) =>
    new TextEncoder().encode(run.status === "rejected" ? (run.reason as Error).message : ""),
  );
  let place = 0;
  const answers = runs.map((run, at) => {
    const { length } = messages[at] as Uint8Array;
    place += length;
    if (run.status === "rejected") return bytesOf(2, place - length, length, 0, 0, 0);
    const oid = run.value.oid.match(/../g)?.map((digits) => Number.parseInt(digits, 16)) ?? [];
    return joined([bytesOf(0), Uint8Array.from(oid)]);
  });
  return [...answers, ...messages];
}

let sink = 1;
function burn(turns: number): void {
  for (let left = turns; left > 0; left--) sink = (Math.imul(sink, 1664525) + left) | 0;
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

function bytesOf(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
