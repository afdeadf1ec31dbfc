/**
 * A trap that the host can raise from within an import. A JavaScript exception would not unwind a guest: its `catch_all` swallows one, but no trap.
 */

/** `(module (func (export "trap") unreachable))` */
const trapModule = Uint8Array.of(
  0,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  0x60,
  0,
  0,
  3,
  2,
  1,
  0,
  7,
  8,
  1,
  4,
  0x74,
  0x72,
  0x61,
  0x70,
  0,
  0,
  10,
  5,
  1,
  3,
  0,
  0,
  11,
);

/** A function that traps. V8 writes down no stack for it, which takes 0.1 ms where a guest's functions are large, and which nobody looks at. */
export function unwindingTrap(): () => never {
  const trap = new WebAssembly.Instance(new WebAssembly.Module(trapModule), {}).exports["trap"] as () => never;
  return () => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return trap();
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}
