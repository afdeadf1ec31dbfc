/** Guests that take all the memory, stack or time there is: what each does, the body of its function, and how it ends alone in a child (`endText`, or "gone" with the process). */
export const bombs: readonly (readonly [what: string, body: string, end: string])[] = [
  ["fills a huge array", "new Array(1e9).fill(1)", "gone"],
  ["fills a huge Map", "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })", "gone"],
  ["parses ten million arrays", "const a = []; for (;;) a.push(JSON.parse('[' + '[],'.repeat(1e7) + '[]]'))", "gone"],
  ["splits and sorts 2^27 characters", "return 'ab'.repeat(2 ** 26).split('').sort().length", "gone"],
  [
    "keeps long strings",
    "const a = []; for (let i = 0; ; i++) { const s = ('x' + i).repeat(1e6); a.push(s, /y/.test(s)) }",
    "gone",
  ],
  [
    "keeps buffers",
    "const a = []; for (;;) a.push(new Uint8Array(1e8).fill(1))",
    "exhausted: RangeError: Array buffer allocation failed",
  ],
  [
    "asks for a buffer that no machine has",
    "new ArrayBuffer(2 ** 46)",
    "exhausted: RangeError: Array buffer allocation failed",
  ],
  ["never ends", "for (;;);", "gone"],
  // That it swallows whatever is thrown into it is the attack.
  ["never ends, and catches all there is", "for (;;) try { for (;;); } catch {} finally { continue }", "gone"],
  ["backtracks for ever", "/^(a+)+$/.test('a'.repeat(40) + 'b')", "gone"],
  ["makes promises for ever", "for (;;) await null", "gone"],
  [
    "makes two promises of each",
    "const go = () => { Promise.resolve().then(go); Promise.resolve().then(go) }; go(); await new Promise(() => {})",
    "gone",
  ],
  ["calls itself for ever", "(function f() { f() })()", "exhausted: RangeError: Maximum call stack size exceeded"],
  [
    "calls itself for ever in a getter of its result",
    "return { get a() { return this.a } }",
    "exhausted: RangeError: Maximum call stack size exceeded",
  ],
  ["makes a string as long as strings go", "return 'x'.repeat(2 ** 30)", "failed: RangeError: Invalid string length"],
];
