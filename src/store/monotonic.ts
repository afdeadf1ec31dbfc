/** A clock for durations: milliseconds since some moment, never backwards. The first use of `performance` would load a module, for 0.9 ms of the command's start. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
