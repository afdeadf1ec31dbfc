/**
 * Where a path starts that a command asks for by its preopen `.`, which it has when it runs in another folder than the root.
 *
 * The C library that commands are built with keeps no more of a path than what is behind its first slashes, and looks it up in the last preopen that fits: `/a/b` and `a/b` come to the host as the same call. What the command was given
 * tells them apart mostly, since paths come from arguments: a path that an argument names from the root, or that lies below or above such a one, starts there, unless another argument names it from the folder, and names more of it. All others
 * are relative. Of a command without arguments from the root nothing is guessed.
 */

/** What arguments name, without the slashes and dots in front and the slashes behind. */
interface Named {
  readonly path: string;
  readonly isAbsolute: boolean;
}

/** Tells whether a path is meant from the root. `argv` are strings that each end in NUL, the command's name first. */
export function fromRoot(argv: Uint8Array): (path: string) => boolean {
  const all = named(argv);
  if (!all.some(({ isAbsolute }) => isAbsolute)) return () => false;
  return (path) => {
    const asked = bare(path);
    const most = (isAbsolute: boolean) =>
      all
        .filter((each) => each.isAbsolute === isAbsolute && isAtOrBelow(asked, each.path))
        .reduce((longest, each) => Math.max(longest, each.path.length), -1);
    const [absolute, relative] = [most(true), most(false)];
    if (absolute >= 0 || relative >= 0) return absolute > relative;
    return all.some((each) => each.isAbsolute && isAtOrBelow(each.path, asked));
  };
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

function isAtOrBelow(path: string, above: string): boolean {
  return above === "" || path === above || path.startsWith(`${above}/`);
}
