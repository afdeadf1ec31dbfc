/** The loop of `coppice watch`, with a clock that is set by hand, changes that are told by hand, and runs that end by hand. */
import { describe, expect, it } from "vitest";
import {
  burstMsMax,
  quietMs,
  unsettledMsMax,
  unsettledQuietMs,
  watchLoop,
  type Changes,
  type Clock,
  type Look,
  type Watched,
} from "../../src/cli/watch-loop.ts";

/** Lets all that is ready to go on go on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

class HandClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, call };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((each) => each !== timer));
  }

  get waiting(): number {
    return this.#timers.length;
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settled();
      const [next] = this.#timers.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#nowMs = next.atMs;
      next.call();
    }
    this.#nowMs = endMs;
  }
}

/** A tree that is one text, and runs of it that end when they are told to. */
class Scene implements Watched<Look>, Changes {
  readonly clock = new HandClock();
  readonly stop = new AbortController();
  readonly log: string[] = [];
  key = "1";
  isLocked = false;
  isClosed = false;
  lookError: Error | undefined;
  /** What ends everything when it is thrown. */
  fatal: string | undefined;
  renewing: Promise<void> = Promise.resolve();
  readonly #runs: { readonly signal: AbortSignal; readonly end: PromiseWithResolvers<void> }[] = [];
  #onChange: () => void = () => undefined;

  begin(): Promise<void> {
    const loop = watchLoop(this, this, this.clock, this.stop.signal);
    loop.catch(() => undefined);
    return loop;
  }

  async renew(onChange: () => void): Promise<void> {
    this.#onChange = onChange;
    await this.renewing;
  }

  isUnsettled(): boolean {
    return this.isLocked;
  }

  close(): void {
    this.isClosed = true;
  }

  look(): Promise<Look> {
    this.log.push(`look ${this.key}`);
    return this.lookError === undefined ? Promise.resolve({ key: this.key }) : Promise.reject(this.lookError);
  }

  async run({ key }: Look, told: Look | undefined, signal: AbortSignal): Promise<void> {
    this.log.push(`run ${key} after ${told?.key ?? "nothing"}`);
    const end = Promise.withResolvers<void>();
    this.#runs.push({ signal, end });
    await end.promise;
    this.log.push(signal.aborted ? `aborted ${key}` : `told ${key}`);
  }

  async failed(fault: unknown, during: "look" | "run", isFirst: boolean): Promise<void> {
    const { message } = fault as Error;
    this.log.push(`${during}${isFirst ? " at first" : ""}: ${message}`);
    await Promise.resolve();
    if (message === this.fatal) throw fault;
  }

  async change(key = this.key): Promise<void> {
    this.key = key;
    this.#onChange();
    await settled();
  }

  /** The newest run ends. */
  async end(error?: Error): Promise<void> {
    const end = this.#runs.at(-1)?.end;
    if (error === undefined) end?.resolve();
    else end?.reject(error);
    await settled();
  }

  get isAborted(): boolean | undefined {
    return this.#runs.at(-1)?.signal.aborted;
  }

  /** What happened since this was asked for last. */
  get news(): string[] {
    return this.log.splice(0);
  }
}

/** A scene whose first run was told. */
async function watching(): Promise<Scene & { readonly loop: Promise<void> }> {
  const scene = new Scene();
  const loop = scene.begin();
  await settled();
  expect(scene.news).toEqual(["look 1", "run 1 after nothing"]);
  await scene.end();
  expect(scene.news).toEqual(["told 1"]);
  return Object.assign(scene, { loop });
}

describe("changes", () => {
  it("are looked at once it was quiet after them, and what differs is run", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs - 1);
    expect(scene.news).toEqual([]);
    await scene.clock.pass(1);
    expect(scene.news).toEqual(["look 2", "run 2 after 1"]);
  });

  it("that leave everything as it was start nothing", async () => {
    const scene = await watching();
    await scene.change();
    await scene.clock.pass(10 * quietMs);
    expect(scene.news).toEqual(["look 1"]);
    expect(scene.clock.waiting).toBe(0);
  });

  it("that come in a burst are one look, after the last of them", async () => {
    const scene = await watching();
    for (let each = 0; each < 20; each++) {
      await scene.change(`2.${each}`);
      await scene.clock.pass(quietMs - 1);
    }
    expect(scene.news).toEqual([]);
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 2.19", "run 2.19 after 1"]);
  });

  it("ten thousand at once need one timer", async () => {
    const scene = await watching();
    const changes = Array.from({ length: 10_000 }, () => scene.change("2"));
    await Promise.all(changes);
    expect(scene.clock.waiting).toBe(1);
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 2", "run 2 after 1"]);
  });

  it("that never pause are looked at in their midst", async () => {
    const scene = await watching();
    for (let passedMs = 0; passedMs < 2 * burstMsMax; passedMs += 10) {
      await scene.change("2");
      await scene.clock.pass(10);
    }
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "look 2"]);
  });

  it("wait for a source that is in the midst of something", async () => {
    const scene = await watching();
    scene.isLocked = true;
    for (let each = 0; each < 10; each++) {
      await scene.change(`2.${each}`);
      await scene.clock.pass(unsettledQuietMs - 1);
    }
    expect(scene.news).toEqual([]);
    scene.isLocked = false;
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 2.9", "run 2.9 after 1"]);
  });

  it("wait for it no longer when it says so and nothing comes, or for too long", async () => {
    const scene = await watching();
    scene.isLocked = true;
    await scene.change("2");
    await scene.clock.pass(unsettledQuietMs - 1);
    expect(scene.news).toEqual([]);
    await scene.clock.pass(1);
    expect(scene.news).toEqual(["look 2", "run 2 after 1"]);
    for (let passedMs = 0; passedMs < unsettledMsMax; passedMs += 100) {
      expect(scene.news).toEqual([]);
      await scene.change("3");
      await scene.clock.pass(100);
    }
    expect(scene.news).toEqual(["look 3"]);
  });

  it("that come while it looks are looked at again", async () => {
    const scene = await watching();
    await scene.change("2");
    const renewal = Promise.withResolvers<void>();
    scene.renewing = renewal.promise;
    await scene.clock.pass(quietMs);
    await scene.change();
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual([]);
    renewal.resolve();
    await settled();
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "look 2"]);
  });
});

describe("a change while a run goes on", () => {
  it("aborts it, and the next begins when it has ended; what is new is told from the last result on", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs);
    await scene.change("3");
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "look 3"]);
    expect(scene.isAborted).toBe(true);
    await scene.end();
    expect(scene.news).toEqual(["aborted 2", "run 3 after 1"]);
    await scene.end();
    expect(scene.news).toEqual(["told 3"]);
  });

  it("that leaves everything as it was lets it go on", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs);
    await scene.change();
    await scene.clock.pass(quietMs);
    expect(scene.isAborted).toBe(false);
    await scene.end();
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "look 2", "told 2"]);
  });

  it("that takes back what it began with tells the former result again", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs);
    await scene.change("1");
    await scene.clock.pass(quietMs);
    await scene.end();
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "look 1", "aborted 2", "run 1 after 1"]);
  });
});

describe("failures", () => {
  it("of a look and of a run are told, and it goes on", async () => {
    const scene = await watching();
    scene.lookError = new Error("a conflict");
    await scene.change("2");
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 2", "look: a conflict"]);
    scene.lookError = undefined;
    await scene.change();
    await scene.clock.pass(quietMs);
    await scene.end(new Error("the disk is full"));
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "run: the disk is full"]);
    await scene.change("3");
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 3", "run 3 after 1"]);
  });

  it("of a look are over when the former state is back: its result is told again", async () => {
    const scene = await watching();
    scene.lookError = new Error("a conflict");
    await scene.change();
    await scene.clock.pass(quietMs);
    scene.lookError = undefined;
    await scene.change();
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 1", "look: a conflict", "look 1", "run 1 after 1"]);
  });

  it("of a run are not tried again before something changes", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs);
    await scene.end(new Error("the disk is full"));
    await scene.change();
    await scene.clock.pass(quietMs);
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "run: the disk is full", "look 2"]);
  });

  for (const during of ["look", "run"] as const) {
    it(`of the first ${during} can end everything`, async () => {
      const scene = new Scene();
      scene.fatal = "unusable";
      const error = new Error("unusable");
      if (during === "look") scene.lookError = error;
      const loop = scene.begin();
      await settled();
      if (during === "run") await scene.end(error);
      await expect(loop).rejects.toThrow("unusable");
      expect(scene.news.at(-1)).toBe(`${during} at first: unusable`);
      expect(scene.isClosed).toBe(true);
    });
  }
});

describe("to stop", () => {
  it("while it waits ends it", async () => {
    const scene = await watching();
    await scene.change("2");
    scene.stop.abort();
    await scene.loop;
    expect(scene.isClosed).toBe(true);
    expect(scene.clock.waiting).toBe(0);
    expect(scene.news).toEqual([]);
  });

  it("while a run goes on aborts that, and waits for its end", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs);
    scene.stop.abort();
    await settled();
    expect([scene.isAborted, scene.isClosed]).toEqual([true, false]);
    await scene.end();
    await scene.loop;
    expect(scene.isClosed).toBe(true);
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "aborted 2"]);
  });

  it("while a run that is out of date ends starts no other", async () => {
    const scene = await watching();
    await scene.change("2");
    await scene.clock.pass(quietMs);
    await scene.change("3");
    await scene.clock.pass(quietMs);
    scene.stop.abort();
    await scene.end();
    await scene.loop;
    expect(scene.news).toEqual(["look 2", "run 2 after 1", "look 3", "aborted 2"]);
  });
});
