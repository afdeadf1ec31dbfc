/**
 * The plan: which requests are wanted, ready, running or waiting, and for what. Pure bookkeeping over names; it starts nothing and knows no thread.
 *
 * There is one in the scheduler, which sees only what left an executor: the requests that somebody asked the engine for, and those that a dispatched request could not go on
 * without; and one in an executor for each dispatch, which sees the frames that unwound. Each request is in a plan at most once (single flight). `next` gives the newest ready request first, which is the deepest: what a suspended frame misses
 * is run before anything that was ready earlier, so few frames are suspended at a time.
 *
 * A circle can close only at a join, a wait for a request that was in flight already; so only joins are searched, after all waits of a report are in.
 */
import type { Oid } from "../store/oid.ts";

/** A frame that unwound, and the requests that it missed. */
export interface SuspendedFrame {
  readonly request: Oid;
  readonly misses: readonly Miss[];
}

export interface Miss {
  readonly request: Oid;
  /** True when the request was in flight before this frame asked for it. */
  readonly join: boolean;
  /** Set when another executor has it: the claims' epoch when that was seen. */
  readonly elsewhere?: number;
}

type State = "ready" | "running" | "waiting" | "elsewhere";

interface Node {
  readonly request: Oid;
  state: State;
  /** Whether a run, rather than another request, wants it. */
  asked: boolean;
  /** The request that a run asked for and because of which this one came into the plan. */
  readonly cause: Oid;
  /** When it is elsewhere: the claims' epoch when that was seen last. */
  epoch: number;
  readonly waitsFor: Set<Oid>;
  readonly waiters: Set<Oid>;
}

export class Plan {
  readonly #nodes = new Map<Oid, Node>();
  /** Newest last; a request that has left the plan or is no longer ready is skipped when it is reached. */
  readonly #ready: Oid[] = [];
  readonly #elsewhere = new Set<Node>();

  /** Requests in flight. */
  get size(): number {
    return this.#nodes.size;
  }

  /** A run wants this request. */
  ask(request: Oid): void {
    this.#want(request, request).asked = true;
  }

  /** A run no longer wants this request; what only it needed leaves the plan, except what is running. */
  unask(request: Oid): void {
    const node = this.#nodes.get(request);
    if (node === undefined) return;
    node.asked = false;
    this.#prune(request);
  }

  has(request: Oid): boolean {
    return this.#nodes.has(request);
  }

  /** Takes the request to run now, deepest first, or undefined. */
  next(): Oid | undefined {
    for (let request = this.#ready.pop(); request !== undefined; request = this.#ready.pop()) {
      const node = this.#nodes.get(request);
      if (node?.state !== "ready") continue;
      node.state = "running";
      return request;
    }
    return undefined;
  }

  /** The request has an outcome. Whoever waited for it, and for nothing else, is ready. */
  settled(request: Oid): void {
    const node = this.#nodes.get(request);
    if (node === undefined) return;
    this.#delete(node);
    for (const name of node.waiters) {
      const waiter = this.#node(name);
      waiter.waitsFor.delete(request);
      if (waiter.waitsFor.size === 0 && waiter.state === "waiting") this.#makeReady(waiter);
    }
  }

  /** A running request was stopped without an answer; if somebody wants it still, it is ready again. */
  stopped(request: Oid): void {
    const node = this.#nodes.get(request);
    if (node === undefined) return;
    this.#makeReady(node);
    this.#prune(request);
  }

  /**
   * Frames unwound, the one that was dispatched last. Returns the circles that they closed, each in the order of asking. What was in flight before is told by the plan's own
   * knowledge too, since an executor that is new does not know.
   */
  suspended(frames: readonly SuspendedFrame[]): readonly (readonly Oid[])[] {
    const dispatched = frames.at(-1);
    if (dispatched === undefined) throw new RangeError("a frame at least has unwound");
    const cause = this.causeOf(dispatched.request);
    const joins: [waiter: Oid, request: Oid][] = [];
    for (const { request, misses } of frames) {
      for (const miss of misses) if (miss.join || this.#nodes.has(miss.request)) joins.push([request, miss.request]);
    }
    for (const { request, misses } of frames) {
      const node = this.#want(request, cause);
      node.state = "waiting";
      for (const miss of misses.toReversed()) {
        const missed = this.#want(miss.request, cause);
        if (miss.elsewhere !== undefined && missed.state === "ready") this.#putElsewhere(missed, miss.elsewhere);
        missed.waiters.add(request);
        node.waitsFor.add(miss.request);
      }
    }
    for (const { request } of frames) {
      const node = this.#node(request);
      if (node.waitsFor.size === 0 && node.state === "waiting") this.#makeReady(node);
    }
    return joins.map(([waiter, request]) => this.#path(request, waiter)).filter((circle) => circle !== undefined);
  }

  /** A request that was to run is run by another executor, at that epoch of the claims. */
  elsewhere(request: Oid, epoch: number): void {
    const node = this.#nodes.get(request);
    if (node !== undefined) this.#putElsewhere(node, epoch);
    this.#prune(request);
  }

  /** Requests that another executor had at an epoch before this one, and may have given back since. */
  elsewhereBefore(epoch: number): readonly Oid[] {
    return [...this.#elsewhere].filter((node) => node.epoch !== epoch).map(({ request }) => request);
  }

  /** What others have of what is wanted here. */
  get misses(): readonly Miss[] {
    return Array.from(this.#elsewhere, ({ request, epoch }) => ({ request, join: true, elsewhere: epoch }));
  }

  /** A request that was elsewhere is to be run here, unless it turns out to be still there. */
  takeBack(request: Oid): void {
    const node = this.#nodes.get(request);
    if (node?.state === "elsewhere") this.#makeReady(node);
  }

  /** Whether the request's frame unwound and what it missed is not settled yet. */
  isWaiting(request: Oid): boolean {
    return this.#nodes.get(request)?.state === "waiting";
  }

  /** Requests that are ready, those first that `next` gives last: the largest pieces. */
  get ready(): readonly Oid[] {
    return this.#ready.filter((request) => this.#nodes.get(request)?.state === "ready");
  }

  /** The request came to a non-answer. It and all that wait for it leave the plan; returns those of them that a run asked for. */
  ended(request: Oid): readonly Oid[] {
    if (!this.#nodes.has(request)) return [];
    const doomed = new Set([request]);
    for (const name of doomed) for (const waiter of this.#node(name).waiters) doomed.add(waiter);
    const asked = [...doomed].filter((name) => this.#node(name).asked);
    const orphans = new Set<Oid>();
    for (const name of doomed) {
      for (const missed of this.#node(name).waitsFor) {
        this.#node(missed).waiters.delete(name);
        if (!doomed.has(missed)) orphans.add(missed);
      }
    }
    for (const name of doomed) this.#delete(this.#node(name));
    for (const name of orphans) this.#prune(name);
    return asked;
  }

  /** Whether a run, or a request in flight, still wants this one. */
  isWanted(request: Oid): boolean {
    const node = this.#nodes.get(request);
    return node !== undefined && (node.asked || node.waiters.size > 0);
  }

  /** Whether a run asked for this very request. */
  isAsked(request: Oid): boolean {
    return this.#nodes.get(request)?.asked === true;
  }

  /** The request of a run because of which this one is in the plan; itself when it isn't. */
  causeOf(request: Oid): Oid {
    return this.#nodes.get(request)?.cause ?? request;
  }

  /** One of those that wait for the request. */
  waiterOf(request: Oid): Oid | undefined {
    const [waiter] = this.#nodes.get(request)?.waiters ?? [];
    return waiter;
  }

  #want(request: Oid, cause: Oid): Node {
    const known = this.#nodes.get(request);
    if (known !== undefined) return known;
    const node: Node = {
      request,
      state: "ready",
      asked: false,
      cause,
      epoch: 0,
      waitsFor: new Set(),
      waiters: new Set(),
    };
    this.#nodes.set(request, node);
    this.#ready.push(request);
    return node;
  }

  #delete(node: Node): void {
    this.#nodes.delete(node.request);
    this.#elsewhere.delete(node);
  }

  #putElsewhere(node: Node, epoch: number): void {
    node.state = "elsewhere";
    node.epoch = epoch;
    this.#elsewhere.add(node);
  }

  #makeReady(node: Node): void {
    this.#elsewhere.delete(node);
    node.state = "ready";
    this.#ready.push(node.request);
  }

  /** A node that must be there: a missing one is a bug of this file. */
  #node(request: Oid): Node {
    const node = this.#nodes.get(request);
    if (node === undefined) throw new Error(`request ${request} is not in the plan`);
    return node;
  }

  /** Removes requests that nobody wants any more, from this one down. One that is running stays until `settled`, `stopped` or `ended` says how it went. */
  #prune(from: Oid): void {
    const queue = [from];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      const node = this.#nodes.get(name);
      if (node === undefined || node.asked || node.waiters.size > 0 || node.state === "running") continue;
      this.#delete(node);
      for (const missed of node.waitsFor) {
        this.#node(missed).waiters.delete(name);
        queue.push(missed);
      }
    }
  }

  /** The requests from `from` to `to` along what each waits for, both included; undefined when there is no way. */
  #path(from: Oid, to: Oid): readonly Oid[] | undefined {
    const cameFrom = new Map<Oid, Oid | undefined>([[from, undefined]]);
    const queue = [from];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (name === to) {
        const path: Oid[] = [];
        for (let at: Oid | undefined = to; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
        return path;
      }
      for (const missed of this.#nodes.get(name)?.waitsFor ?? []) {
        if (cameFrom.has(missed)) continue;
        cameFrom.set(missed, name);
        queue.push(missed);
      }
    }
    return undefined;
  }
}
