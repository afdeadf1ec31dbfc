/**
 * Which lines of two texts are not the other's: Myers' comparison from both ends (An O(ND) Difference Algorithm and Its Variations, 1986), and around it what decides which of several equally short answers is given, so that it
 * is the one that GNU diff gives: lines of one side alone are left out first, and changes that could stand in several places are moved as far down as they go, or to where the other side has one.
 */

/** Lines that were changed, a 1 each. */
export interface Changes {
  readonly left: Uint8Array;
  readonly right: Uint8Array;
}

/** Steps from each end beyond which a part is cut where it has got farthest, not where it is best. */
const stepsMin = 4096;

/** Compares texts given as the classes of their lines, equal ones alike. `isMinimal`: no short cuts. */
export function changesBetween(left: Int32Array, right: Int32Array, isMinimal: boolean): Changes {
  const marks: Changes = { left: new Uint8Array(left.length + 2), right: new Uint8Array(right.length + 2) };
  const sides = [kept(left, right, isMinimal, marks.left), kept(right, left, isMinimal, marks.right)] as const;
  compare(sides[0], sides[1], isMinimal, marks);
  settle(left, marks.left, marks.right);
  settle(right, marks.right, marks.left);
  return { left: marks.left.subarray(1, left.length + 1), right: marks.right.subarray(1, right.length + 1) };
}

/** The lines of a side that are compared: their classes, and where they stand. */
interface Kept {
  readonly classes: Int32Array;
  readonly places: Int32Array;
}

/** A line stays, is left out for certain, or is left out where its neighbours are. */
const [stays, out, perhaps] = [0, 1, 2];

/** Leaves out what stands on one side alone, and what stands so often on the other that it says little, amid the former. What is left out is marked as changed; the marks begin with one that is none. */
function kept(own: Int32Array, others: Int32Array, isMinimal: boolean, changed: Uint8Array): Kept {
  const fates = isMinimal ? new Uint8Array(own.length) : fatesOf(own, others);
  const places: number[] = [];
  for (let at = 0; at < own.length; at++) {
    if (fates[at] === stays) places.push(at);
    else changed[at + 1] = 1;
  }
  return { classes: Int32Array.from(places, (at) => own[at] as number), places: Int32Array.from(places) };
}

/** 2 to the power of half the bits of a number. */
function roughRoot(of: number, from: number): number {
  let root = from;
  for (let rest = of >> 2; rest > 0; rest >>= 2) root *= 2;
  return root;
}

function fatesOf(own: Int32Array, others: Int32Array): Uint8Array {
  const times = new Map<number, number>();
  for (const each of others) times.set(each, (times.get(each) ?? 0) + 1);
  const often = roughRoot(Math.floor(own.length / 64), 5);
  const fates = Uint8Array.from(own, (each) => {
    const count = times.get(each) ?? 0;
    return count === 0 ? out : count > often ? perhaps : stays;
  });
  for (let at = 0; at < fates.length; at++) {
    if (fates[at] === perhaps) fates[at] = stays;
    if (fates[at] !== out) continue;
    let end = at;
    while (end < fates.length && fates[end] !== stays) end++;
    while (fates[end - 1] === perhaps) fates[--end] = stays;
    thin(fates.subarray(at, end));
    at = end - 1;
  }
  return fates;
}

/** Of a run of lines that begins and ends with one that is certainly left out: which of the others stay after all. */
function thin(run: Uint8Array): void {
  const doubtful = run.reduce((count, fate) => count + (fate === perhaps ? 1 : 0), 0);
  if (doubtful * 4 > run.length) {
    for (let at = 0; at < run.length; at++) if (run[at] === perhaps) run[at] = stays;
    return;
  }
  const many = roughRoot(run.length >> 2, 1) + 1;
  for (let at = 0; at < run.length; at++) {
    let end = at;
    while (run[end] === perhaps) end++;
    if (end - at >= many) run.fill(stays, at, end);
    at = end;
  }
  for (const order of [(at: number) => at, (at: number) => run.length - 1 - at]) {
    let certain = 0;
    for (let step = 0; step < run.length && certain < 3; step++) {
      const at = order(step);
      if (run[at] === out) {
        if (step >= 8) break;
        certain++;
      } else {
        run[at] = stays;
        certain = 0;
      }
    }
  }
}

/** Part of both sides, from one line to before another. */
interface Part {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly isMinimal: boolean;
}

function compare(left: Kept, right: Kept, isMinimal: boolean, marks: Changes): void {
  const [a, b] = [left.classes, right.classes];
  const size = a.length + b.length + 3;
  // Of each diagonal, how far down it one can get from the start and from the end.
  const forward = new Int32Array(size);
  const backward = new Int32Array(size);
  let costly = 1;
  for (let rest = size; rest !== 0; rest >>= 2) costly *= 2;
  costly = Math.max(stepsMin, costly);
  const parts: Part[] = [{ from: [0, 0], to: [a.length, b.length], isMinimal }];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    let [x, y] = part.from;
    let [xEnd, yEnd] = part.to;
    while (x < xEnd && y < yEnd && a[x] === b[y]) [x, y] = [x + 1, y + 1];
    while (x < xEnd && y < yEnd && a[xEnd - 1] === b[yEnd - 1]) [xEnd, yEnd] = [xEnd - 1, yEnd - 1];
    if (x === xEnd) for (; y < yEnd; y++) marks.right[(right.places[y] as number) + 1] = 1;
    else if (y === yEnd) for (; x < xEnd; x++) marks.left[(left.places[x] as number) + 1] = 1;
    else {
      const cut = middle(
        a,
        b,
        { from: [x, y], to: [xEnd, yEnd], isMinimal: part.isMinimal },
        forward,
        backward,
        costly,
      );
      parts.push({ from: cut.at, to: [xEnd, yEnd], isMinimal: cut.isMinimalBehind });
      parts.push({ from: [x, y], to: cut.at, isMinimal: cut.isMinimalBefore });
    }
  }
}

interface Cut {
  readonly at: readonly [number, number];
  readonly isMinimalBefore: boolean;
  readonly isMinimalBehind: boolean;
}

/** Where the ways from both ends of a part meet. */
function middle(
  a: Int32Array,
  b: Int32Array,
  { from: [x0, y0], to: [x1, y1], isMinimal }: Part,
  forward: Int32Array,
  backward: Int32Array,
  costly: number,
): Cut {
  const zero = b.length + 1; // the place of diagonal 0
  const [lowest, highest] = [x0 - y1, x1 - y0];
  const [start, end] = [x0 - y0, x1 - y1];
  let [forwardLow, forwardHigh, backwardLow, backwardHigh] = [start, start, end, end];
  const isOdd = ((start - end) & 1) !== 0;
  forward[zero + start] = x0;
  backward[zero + end] = x1;
  for (let steps = 1; ; steps++) {
    if (forwardLow > lowest) forward[zero + --forwardLow - 1] = -1;
    else forwardLow++;
    if (forwardHigh < highest) forward[zero + ++forwardHigh + 1] = -1;
    else forwardHigh--;
    for (let at = forwardHigh; at >= forwardLow; at -= 2) {
      const [below, above] = [forward[zero + at - 1] as number, forward[zero + at + 1] as number];
      let x = below < above ? above : below + 1;
      while (x < x1 && x - at < y1 && a[x] === b[x - at]) x++;
      forward[zero + at] = x;
      if (isOdd && backwardLow <= at && at <= backwardHigh && (backward[zero + at] as number) <= x)
        return { at: [x, x - at], isMinimalBefore: true, isMinimalBehind: true };
    }
    if (backwardLow > lowest) backward[zero + --backwardLow - 1] = 0x7fffffff;
    else backwardLow++;
    if (backwardHigh < highest) backward[zero + ++backwardHigh + 1] = 0x7fffffff;
    else backwardHigh--;
    for (let at = backwardHigh; at >= backwardLow; at -= 2) {
      const [below, above] = [backward[zero + at - 1] as number, backward[zero + at + 1] as number];
      let x = below < above ? below : above - 1;
      while (x0 < x && y0 < x - at && a[x - 1] === b[x - at - 1]) x--;
      backward[zero + at] = x;
      if (!isOdd && forwardLow <= at && at <= forwardHigh && x <= (forward[zero + at] as number))
        return { at: [x, x - at], isMinimalBefore: true, isMinimalBehind: true };
    }
    if (isMinimal || steps < costly) continue;
    // It has got too far: the farthest place from either end is the cut.
    let [far, farX] = [-1, 0];
    for (let at = forwardHigh; at >= forwardLow; at -= 2) {
      let x = Math.min(forward[zero + at] as number, x1);
      let y = x - at;
      if (y1 < y) [x, y] = [y1 + at, y1];
      if (far < x + y) [far, farX] = [x + y, x];
    }
    let [near, nearX] = [0x7fffffff, 0];
    for (let at = backwardHigh; at >= backwardLow; at -= 2) {
      let x = Math.max(x0, backward[zero + at] as number);
      let y = x - at;
      if (y < y0) [x, y] = [y0 + at, y0];
      if (x + y < near) [near, nearX] = [x + y, x];
    }
    if (x1 + y1 - near < far - (x0 + y0))
      return { at: [farX, far - farX], isMinimalBefore: true, isMinimalBehind: false };
    return { at: [nearX, near - nearX], isMinimalBefore: false, isMinimalBehind: true };
  }
}

/** Moves changes of a side that could as well stand elsewhere: runs that touch become one, and each goes as far down as it can, or as far as a change of the other side. Marks begin and end with one that is none. */
function settle(lines: Int32Array, changed: Uint8Array, others: Uint8Array): void {
  const end = lines.length;
  const isChanged = (at: number) => changed[at + 1] === 1;
  const mark = (at: number, as: number) => {
    changed[at + 1] = as;
  };
  // Where the other side is: behind the lines that it has unchanged for those here.
  let beside = 0;
  const isOtherChanged = (at: number) => others[at + 1] === 1;
  for (let at = 0; ;) {
    for (; at < end && !isChanged(at); at++) {
      while (isOtherChanged(beside++));
    }
    if (at === end) return;
    let start = at;
    while (isChanged(at)) at++;
    while (isOtherChanged(beside)) beside++;
    let matching = end;
    for (let size = -1; size !== at - start;) {
      size = at - start;
      while (start > 0 && lines[start - 1] === lines[at - 1]) {
        mark(--start, 1);
        mark(--at, 0);
        while (isChanged(start - 1)) start--;
        while (isOtherChanged(--beside));
      }
      matching = isOtherChanged(beside - 1) ? at : end;
      while (at < end && lines[start] === lines[at]) {
        mark(start++, 0);
        mark(at++, 1);
        while (isChanged(at)) at++;
        while (isOtherChanged(++beside)) matching = at;
      }
    }
    while (matching < at) {
      mark(--start, 1);
      mark(--at, 0);
      while (isOtherChanged(--beside));
    }
  }
}
