/** Options of a command's words, as getopt_long reads them: clusters, values in the same word or the next, long ones by any beginning that only one of them has, operands among them. */

export interface Known {
  /** Letters without a value, and those with one. */
  readonly flags: string;
  readonly valued: string;
  /** Letters that take a value in their own word, or none. */
  readonly optional?: string;
  /** Long options by the letter, or name, that they stand for; one with `=` takes a value, one with `?` may. */
  readonly long?: Readonly<Record<string, string>>;
  /** The first operand ends the options. */
  readonly stopsAtOperand?: boolean;
}

export interface Given {
  readonly letter: string;
  readonly value: string | undefined;
  /** The words that it was given by; for one of several letters in a word, only the first has the word. */
  readonly words: readonly string[];
}

/** A word that is no option of the command. */
export class OptionFault extends Error {
  override readonly name = "OptionFault";
}

export interface ReadWords {
  readonly options: readonly Given[];
  readonly operands: readonly string[];
  /** Options and operands as they stood. */
  readonly inOrder: readonly (Given | string)[];
  readonly has: (letter: string) => boolean;
  /** The last value given with that option. */
  readonly value: (letter: string) => string | undefined;
}

/** Throws OptionFault. */
export function readWords(words: readonly string[], known: Known): ReadWords {
  const inOrder: (Given | string)[] = [];
  const long = known.long ?? {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === "--") {
      inOrder.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      inOrder.push(word);
      if (known.stopsAtOperand !== true) continue;
      inOrder.push(...words.slice(at + 1));
      break;
    }
    if (word.startsWith("--")) {
      const [, name = "", given] = /^--([^=]*)(?:=([^]*))?$/.exec(word) as RegExpExecArray;
      const { kind, letter } = longOption(long, name);
      if (kind === "" && given !== undefined) throw new OptionFault(`option '--${name}' doesn't allow an argument`);
      if (kind === "=" && given === undefined) {
        const value = words[++at];
        if (value === undefined) throw new OptionFault(`option '--${name}' requires an argument`);
        inOrder.push({ letter, value, words: [word, value] });
      } else inOrder.push({ letter, value: given, words: [word] });
      continue;
    }
    for (let from = 1; from < word.length; from++) {
      const letter = word[from] as string;
      const rest = word.slice(from + 1);
      const own = from === 1 ? [word] : [];
      if (known.valued.includes(letter)) {
        if (rest !== "") inOrder.push({ letter, value: rest, words: own });
        else {
          const value = words[++at];
          if (value === undefined) throw new OptionFault(`option requires an argument -- '${letter}'`);
          inOrder.push({ letter, value, words: [...own, value] });
        }
        break;
      }
      if (known.optional?.includes(letter) === true) {
        inOrder.push({ letter, value: rest === "" ? undefined : rest, words: own });
        break;
      }
      if (!known.flags.includes(letter)) throw new OptionFault(`invalid option -- '${letter}'`);
      inOrder.push({ letter, value: undefined, words: own });
    }
  }
  const options = inOrder.filter((each) => typeof each !== "string");
  return {
    options,
    operands: inOrder.filter((each) => typeof each === "string"),
    inOrder,
    has: (letter) => options.some((each) => each.letter === letter),
    value: (letter) => options.findLast((each) => each.letter === letter)?.value,
  };
}

const bare = (key: string) => key.replace(/[=?]$/, "");

function longOption(
  long: Readonly<Record<string, string>>,
  name: string,
): { readonly kind: string; readonly letter: string } {
  const keys = Object.keys(long);
  const exact = keys.filter((key) => bare(key) === name);
  const found = exact.length > 0 ? exact : keys.filter((key) => bare(key).startsWith(name));
  const letters = new Set(found.map((key) => long[key]));
  const [key] = found;
  if (key === undefined) throw new OptionFault(`unrecognized option '--${name}'`);
  if (letters.size > 1) throw new OptionFault(`option '--${name}' is ambiguous`);
  return { kind: key.slice(bare(key).length), letter: long[key] as string };
}
