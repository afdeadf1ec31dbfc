/** What is wrong with a replay bundle that can't be replayed, or can't be written. Apart from replay-bundle.ts, which most calls need nothing of. */
import type { Oid } from "./store/oid.ts";

/** A file that is no replay bundle, or not the one that was written: `FILE can't be replayed: ` and what is wrong. */
export class UnfitBundle extends Error {
  override readonly name = "UnfitBundle";
  readonly file: string;
  readonly reason: string;
  constructor(file: string, reason: string, cause?: unknown) {
    super(`${file} can't be replayed: ${reason}`, { cause });
    this.file = file;
    this.reason = reason;
  }
}

/** Requests that a message lists, of either kind. */
const listedMax = 64;

/** Nothing is remembered of a request that is to be bundled, or of some that it asked for. */
export class NothingRemembered extends Error {
  override readonly name = "NothingRemembered";
  readonly request: Oid;
  /** Of which nothing is remembered: the request itself, or others. */
  readonly missing: readonly Oid[];
  /** Remembered requests by way of which those were asked for, the request first: with them forgotten, running it again asks for those again. */
  readonly askers: readonly Oid[];
  constructor(request: Oid, missing: readonly Oid[], askers: readonly Oid[]) {
    super(
      askers.length === 0
        ? `nothing is remembered of request ${request}`
        : `nothing is remembered any more of ${missing.length === 1 ? "request" : `${missing.length} requests,`} ${listed(missing)}, which request ${request} needed, so what ${missing.length === 1 ? "it" : "they"} read is not known; to have that again: \`coppice forget ${askers.slice(0, listedMax).join(" ")}\`${askers.length > listedMax ? ` (and so on: ${askers.length} in all)` : ""}, and run it again`,
    );
    this.request = request;
    this.missing = missing;
    this.askers = askers;
  }
}

function listed(names: readonly Oid[]): string {
  const more = names.length - listedMax;
  return `${names.slice(0, listedMax).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A request whose record is longer than a bundle's may be. */
export class OversizeBundle extends Error {
  override readonly name = "OversizeBundle";
  constructor(request: Oid, jobs: number, bytes: number, bytesMax: number) {
    super(
      `request ${request} can't be bundled: what ${jobs} jobs came to takes ${bytes} bytes, and ${bytesMax} is the most that a bundle's manifest holds`,
    );
  }
}
