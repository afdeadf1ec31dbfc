/**
 * Claims: which executor of an engine runs which request, or has run it and not committed what came of it. Memory that all executors share, so that each request
 * completes once whoever asks for it. A claim is made when a request starts and given back when its memo is committed or its frame unwound; who meets the
 * claim of another executor misses the request, and the owner tells the engine's thread when it is given back.
 *
 * No lock is held over anything but a few loads and stores. An executor that dies may hold it: `drop` takes it over and builds the index anew from the entries.
 *
 * Layout, in 32-bit words: the lock (0, or owner + 1), the epoch, the first free entry + 1 of those that were used before, hunger, how many were used ever (so that a table of zeros is an empty one); a word for each owner, set when somebody wants what it has not
 * committed; the heads of chains (entry + 1), as many as there are entries; then the entries: oid (5 words), next in its chain + 1, state.
 * State: owner + 1 in the low byte, 0 when the entry is free; bits `done`, `wanted`, and `left` of what the engine's thread gives back.
 */
import { oidBytes, type Oid } from "../store/oid.ts";

const words = { lock: 0, epoch: 1, free: 2, hunger: 3, used: 4, owners: 8 } as const;
const headWords = words.owners + 64;
const entryWords = 8;
const keyWords = oidBytes / 4;
const nextAt = keyWords;
const stateAt = keyWords + 1;
const ownerMask = 0xff;
const done = 0x100;
const wanted = 0x200;
const left = 0x400;

/** Executors that can share one table; the engine's thread has a number after theirs. */
export const executorsMax = 63;
/** Claims of one executor: what it may have run and not committed, and what it is running. */
export const claimsMax = 1 << 14;

/** Turns of waiting for the lock before the core is given up for a millisecond. */
const spinsMax = 200;
/** How long the engine's thread waits for the lock, which only the dead keep so long. */
const dropWaitMs = 100;

/** Bytes of a table for so many executors. */
export function claimTable(executors: number): SharedArrayBuffer {
  const entries = executors * claimsMax;
  return new SharedArrayBuffer(4 * (headWords + entries + entries * entryWords));
}

/** An entry of the table that is one's own. */
export type Claim = number & { readonly isClaim: true };

/** The table as one executor sees it, or the engine's thread, which claims nothing. */
export class Claims {
  readonly #words: Int32Array;
  readonly #entries: number;
  readonly #owner: number;
  readonly #key = Buffer.alloc(oidBytes);
  /** Own claims whose requests have completed. */
  #done: Claim[] = [];

  constructor(shared: SharedArrayBuffer, owner: number) {
    this.#words = new Int32Array(shared);
    this.#entries = (this.#words.length - headWords) / (1 + entryWords);
    this.#owner = owner;
  }

  /** Changes whenever claims are given back: what was not to be had may be since. */
  get epoch(): number {
    return Atomics.load(this.#words, words.epoch);
  }

  /** How many executors share the table. */
  get executors(): number {
    return this.#entries / claimsMax;
  }

  /** Claims that wait for `giveBackDone`. */
  get doneCount(): number {
    return this.#done.length;
  }

  /** Claims a request; undefined when another executor has it, which is asked then to tell when it gives the claim back. */
  claim(request: Oid): Claim | undefined {
    return this.#locked(() => {
      const known = this.#find(request);
      if (known !== undefined) {
        const state = this.#state(known);
        const owner = state & ownerMask;
        if (owner === this.#owner + 1) return this.#reclaim(known);
        const before = Atomics.or(this.#words, this.#at(known) + stateAt, wanted);
        if ((before & done) !== 0) Atomics.store(this.#words, words.owners + owner - 1, 1);
        return undefined;
      }
      const free = this.#takeFree();
      const at = this.#at(free);
      const head = this.#head(request);
      for (let word = 0; word < keyWords; word++) this.#words[at + word] = this.#key.readInt32LE(4 * word);
      this.#words[at + nextAt] = this.#words[head] as number;
      Atomics.store(this.#words, at + stateAt, this.#owner + 1);
      this.#words[head] = free + 1;
      return free;
    });
  }

  #takeFree(): Claim {
    const free = (this.#words[words.free] as number) - 1;
    if (free >= 0) {
      this.#words[words.free] = this.#words[this.#at(free as Claim) + nextAt] as number;
      return free as Claim;
    }
    const used = this.#words[words.used] as number;
    if (used === this.#entries) throw new RangeError("more requests are claimed than the table has room for");
    this.#words[words.used] = used + 1;
    return used as Claim;
  }

  /** What completed here is to run again: its memo was deleted meanwhile. */
  #reclaim(claim: Claim): Claim {
    this.#done = this.#done.filter((each) => each !== claim);
    Atomics.and(this.#words, this.#at(claim) + stateAt, ~(done | left));
    return claim;
  }

  /** The claimed request has completed; its claim is kept until its memo is committed. True when somebody waits for that. */
  complete(claim: Claim): boolean {
    this.#done.push(claim);
    return (Atomics.or(this.#words, this.#at(claim) + stateAt, done) & wanted) !== 0;
  }

  /** Whether somebody waits for a request that completed here; asked once, it is false until somebody does again. */
  takeWanted(): boolean {
    const word = words.owners + this.#owner;
    return Atomics.load(this.#words, word) !== 0 && Atomics.exchange(this.#words, word, 0) !== 0;
  }

  /** Gives back a claim whose request did not complete. True when somebody wanted it. */
  giveBack(claim: Claim): boolean {
    return this.#locked(() => this.#free([claim]));
  }

  /** Gives back what completed, once it is committed. True when somebody wanted any of it. */
  giveBackDone(): boolean {
    const claims = this.#done;
    this.#done = [];
    return claims.length > 0 && this.#locked(() => this.#free(claims));
  }

  /** Leaves what completed here to the engine's thread, which gives it back (`giveBackLeft`). */
  leaveDone(): void {
    for (const claim of this.#done) Atomics.or(this.#words, this.#at(claim) + stateAt, left);
    this.#done = [];
  }

  /** For the engine's thread: gives back what an executor completed and left. True when somebody wanted it; undefined when the lock was not to be had, as where a thread died with it: ask again. */
  giveBackLeft(owner: number, request: Oid): boolean | undefined {
    for (let tries = 0; !this.#tryLock(); tries++) if (tries >= spinsMax) return undefined;
    try {
      const claim = this.#find(request);
      const isLeft = claim !== undefined && (this.#state(claim) & ~wanted) === (left | done | (owner + 1));
      return isLeft && this.#free([claim]);
    } finally {
      this.#unlock();
    }
  }

  /** Blocks until claims are given back after that epoch, for `msMax` at most. */
  await(epoch: number, msMax: number): void {
    Atomics.wait(this.#words, words.epoch, epoch, msMax);
  }

  /** How many executors would like to have work. */
  get hunger(): number {
    return Atomics.load(this.#words, words.hunger);
  }

  set hunger(executors: number) {
    Atomics.store(this.#words, words.hunger, executors);
  }

  /** For one executor of all: true if there was hunger, which is its to still. */
  takeHunger(): boolean {
    return this.hunger > 0 && Atomics.exchange(this.#words, words.hunger, 0) > 0;
  }

  /** Takes back all that an executor had claimed whose thread has ended, and the lock if it had that. False when the lock was not to be had, since another thread died with it; ask again once its end is known. */
  drop(owner: number): boolean {
    const untilMs = performance.now() + dropWaitMs;
    const isTakenOver = Atomics.compareExchange(this.#words, words.lock, owner + 1, this.#owner + 1) === owner + 1;
    for (let isHeld = isTakenOver; !isHeld; isHeld = this.#tryLock()) if (performance.now() > untilMs) return false;
    this.#rebuild(owner);
    this.#unlock();
    return true;
  }

  /** Builds chains and the list of free entries from the entries' states, those of `dead` left out. To be called under the lock. */
  #rebuild(dead: number): void {
    this.#words.fill(0, headWords, headWords + this.#entries);
    this.#words[words.free] = 0;
    for (let entry = (this.#words[words.used] as number) - 1; entry >= 0; entry--) {
      const at = this.#at(entry as Claim);
      const owner = (this.#words[at + stateAt] as number) & ownerMask;
      const isFree = owner === 0 || owner - 1 === dead;
      if (isFree) Atomics.store(this.#words, at + stateAt, 0);
      const list = isFree ? words.free : this.#headOf(this.#words[at] as number);
      this.#words[at + nextAt] = this.#words[list] as number;
      this.#words[list] = entry + 1;
    }
    Atomics.add(this.#words, words.epoch, 1);
  }

  #free(claims: readonly Claim[]): boolean {
    let wasWanted = false;
    for (const claim of claims) {
      const at = this.#at(claim);
      wasWanted ||= (this.#state(claim) & wanted) !== 0;
      let link = this.#headOf(this.#words[at] as number);
      while (this.#words[link] !== claim + 1) link = this.#at(((this.#words[link] as number) - 1) as Claim) + nextAt;
      this.#words[link] = this.#words[at + nextAt] as number;
      Atomics.store(this.#words, at + stateAt, 0);
      this.#words[at + nextAt] = this.#words[words.free] as number;
      this.#words[words.free] = claim + 1;
    }
    Atomics.add(this.#words, words.epoch, 1);
    Atomics.notify(this.#words, words.epoch);
    return wasWanted;
  }

  /** Leaves the request's bytes in `#key`. */
  #head(request: Oid): number {
    this.#key.write(request, "hex");
    return this.#headOf(this.#key.readInt32LE(0));
  }

  /** Oids are hashes, so their first word spreads as well as any. */
  #headOf(firstWord: number): number {
    return headWords + ((firstWord >>> 0) % this.#entries);
  }

  #find(request: Oid): Claim | undefined {
    for (let next = this.#words[this.#head(request)] as number; next !== 0;) {
      const at = this.#at((next - 1) as Claim);
      let word = 0;
      while (word < keyWords && this.#words[at + word] === this.#key.readInt32LE(4 * word)) word++;
      if (word === keyWords) return (next - 1) as Claim;
      next = this.#words[at + nextAt] as number;
    }
    return undefined;
  }

  #at(claim: Claim): number {
    return headWords + this.#entries + claim * entryWords;
  }

  #state(claim: Claim): number {
    return Atomics.load(this.#words, this.#at(claim) + stateAt);
  }

  #locked<T>(work: () => T): T {
    this.#lock();
    try {
      return work();
    } finally {
      this.#unlock();
    }
  }

  #tryLock(): boolean {
    return Atomics.compareExchange(this.#words, words.lock, 0, this.#owner + 1) === 0;
  }

  /** The lock is held for a microsecond, so a few turns are enough unless its holder lost its core. */
  #lock(): void {
    for (let turns = 0; !this.#tryLock(); turns++) {
      if (turns >= spinsMax) Atomics.wait(this.#words, words.lock, Atomics.load(this.#words, words.lock), 1);
    }
  }

  #unlock(): void {
    Atomics.store(this.#words, words.lock, 0);
  }
}
