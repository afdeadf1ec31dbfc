/**
 * How busy a thread is that runs scripts: the share of the time in which it computed, of what ran lately. A batch whose quick jobs are followed by long ones is seen to have changed a spell after the first of those, however long the
 * quick ones took.
 */

/** How long it takes until a share is known: a thread's first jobs wait for the collection of what asked for them. */
const knownAfterMs = 10;
/** After so long a share is that of what runs from there on; until that is known, the last one holds. */
const spellMs = 250;

export interface Clocks {
  /** Of the wall. */
  nowMs(): number;
  /** What this thread has computed. */
  computedMs(): number;
}

interface Spell {
  readonly sinceMs: number;
  readonly sinceComputedMs: number;
  readonly sinceEnded: number;
}

export class BusyShare {
  readonly #clocks: Clocks;
  #spell: Spell | undefined;
  #last: number | undefined;
  /** Jobs that came to an outcome. */
  #ended = 0;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
  }

  /** A job came to an outcome. */
  end(): void {
    this.#ended++;
  }

  /** What went before says nothing of what comes. */
  forget(): void {
    this.#spell = undefined;
    this.#last = undefined;
  }

  /** Between 0 and 1; 0 where no job ended since the spell began, so that one runs for long; undefined while it is too early to say. The first spell begins when it is first asked for. */
  share(): number | undefined {
    const { sinceMs, sinceComputedMs, sinceEnded } = (this.#spell ??= this.#begun());
    const ms = this.#clocks.nowMs() - sinceMs;
    if (ms < knownAfterMs) return this.#last;
    const share = this.#ended === sinceEnded ? 0 : (this.#clocks.computedMs() - sinceComputedMs) / ms;
    if (ms >= spellMs) {
      this.#spell = this.#begun();
      this.#last = share;
    }
    return share;
  }

  #begun(): Spell {
    return {
      sinceMs: this.#clocks.nowMs(),
      sinceComputedMs: this.#clocks.computedMs(),
      sinceEnded: this.#ended,
    };
  }
}
