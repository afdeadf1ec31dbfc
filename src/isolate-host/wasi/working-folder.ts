/**
 * Where a path starts that a command asks for by its preopen `.`, which it has when it runs in another folder than the root.
 *
 * The C library that commands are built with keeps no more of a path than what is behind its first slashes, and looks it up in the last preopen that fits: `/a/b` and `a/b` come to the host as the same call. What the command was given
 * tells them apart mostly, since paths come from arguments: a path that an argument names from the root, or that lies below or above such a one, starts there, unless another argument names it from the folder, and names more of it. All others
 * are relative. Of a command without arguments from the root nothing is guessed.
 *
 * A command may have a million arguments and ask for each: what they name is sorted once (4 ms for 10,000), and a path is looked up in half a µs (comparing with each took 200).
 */

/** What arguments name, without the slashes and dots in front and the slashes behind. */
interface Named {
  readonly path: string;
  readonly isAbsolute: boolean;
}

/** Tells whether a path is meant from the root. `argv` are strings that each end in NUL, the command's name first. */
export function fromRoot(argv: Uint8Array): (path: string) => boolean {
  const all = named(argv);
  const namesOf = (absolute: boolean) =>
    new Set(all.filter((each) => each.isAbsolute === absolute).map(({ path }) => path));
  const [fromTop, fromHere] = [namesOf(true), namesOf(false)];
  if (fromTop.size === 0) return () => false;
  const sorted = [...fromTop].toSorted();
  return (path) => {
    const asked = bare(path);
    const [absolute, relative] = [longestAbove(fromTop, asked), longestAbove(fromHere, asked)];
    if (absolute >= 0 || relative >= 0) return absolute > relative;
    return holdsBelow(sorted, asked);
  };
}

type Names = ReadonlySet<string>;

/** The length of the longest of these names that a path is, or lies below; -1 when it does not. */
function longestAbove(names: Names, path: string): number {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (names.has(path.slice(0, end))) return end;
  }
  return names.has("") ? 0 : -1;
}

/** Whether one of these names, which are sorted, lies below a path. */
function holdsBelow(sorted: readonly string[], path: string): boolean {
  if (path === "") return sorted.length > 0;
  const start = `${path}/`;
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] as string) < start) from = middle + 1;
    else to = middle;
  }
  return sorted[from]?.startsWith(start) === true;
}

/** What a command's arguments may name. */
export function named(argv: Uint8Array): Named[] {
  const [, ...args] = Buffer.from(argv).toString("latin1").split("\0").slice(0, -1);
  return args.flatMap(namedBy);
}

/** An argument, and an option's value. */
function namedBy(arg: string): Named[] {
  const equals = arg.startsWith("-") || !arg.startsWith("/") ? arg.indexOf("=") : -1;
  const texts = equals < 0 ? [arg] : [arg, arg.slice(equals + 1)];
  return texts.map((text) => ({ path: bare(text), isAbsolute: text.startsWith("/") }));
}

function bare(path: string): string {
  return path.replace(/^(?:\/|\.\/|\.$)+/, "").replace(/\/+$/, "");
}
