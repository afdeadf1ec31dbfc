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

/** Nothing is remembered of a request that is to be bundled, or of one that it asked for. */
export class NothingRemembered extends Error {
  override readonly name = "NothingRemembered";
  readonly request: Oid;
  /** The job that asked for it; undefined for the request that was named. */
  readonly parent: Oid | undefined;
  constructor(request: Oid, parent: Oid | undefined) {
    super(
      parent === undefined
        ? `nothing is remembered of request ${request}`
        : `nothing is remembered any more of request ${request}, which ${parent} asked for, so what it read is not known; forget that one too, and run again what needs it`,
    );
    this.request = request;
    this.parent = parent;
  }
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
