/** Numbers that a seed fixes (mulberry32), so that whatever a test shuffled can be shuffled again. */

/** A source of whole numbers: `below(n)` gives one of 0..n-1. */
export interface Dice {
  below(bound: number): number;
}

export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return {
    below(bound) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
    },
  };
}
