/**
 * The options of sed as native ones read them, put into the few forms that just-bash's reads: clusters taken apart, values in words of their own, options in front of operands. An option that is in no list
 * here is passed on as it stands, and refused there by its name.
 */

/** Words for just-bash's command, or why there are none. */
type Read<T> = T | { readonly refusal: string; readonly exit: number };

interface Options {
  /** Letters without a value, and those with one. */
  readonly flags: string;
  readonly valued: string;
  /** Long options by the letter that they mean; one with `=` takes a value. */
  readonly long: Readonly<Record<string, string>>;
}

interface Given {
  readonly letter: string;
  readonly value: string | undefined;
}

const sedOptions: Options = {
  flags: "nErsub",
  valued: "ef",
  long: {
    quiet: "n",
    silent: "n",
    "regexp-extended": "E",
    separate: "s",
    unbuffered: "",
    binary: "",
    "in-place": "i",
    "expression=": "e",
    "file=": "f",
  },
};

export interface SedCall {
  readonly words: readonly string[];
  readonly operands: readonly string[];
  /** The suffix of backups, "" for none; undefined when files are not edited in place. */
  readonly suffix: string | undefined;
}

/** What `sed` is given for just-bash's: without the operands and -i, which stand by themselves. */
export function sedWords(words: readonly string[]): Read<SedCall> {
  const { options, operands } = read(words, sedOptions);
  const out: string[] = [];
  let suffix: string | undefined;
  for (const { letter, value } of options) {
    if (letter === "i") suffix = value ?? suffix ?? "";
    else if (letter.startsWith("-")) out.push(letter);
    else if (value !== undefined) out.push(`-${letter}`, value);
    else if (letter !== "" && !"sub".includes(letter)) out.push(`-${letter}`);
  }
  if (!options.some(({ letter }) => letter === "e" || letter === "f")) {
    const script = operands.shift();
    if (script === undefined) return { refusal: "sed: no script is given", exit: 1 };
    out.push("-e", script);
  }
  const isSeparate = options.some(({ letter }) => letter === "s");
  if (isSeparate && suffix === undefined && operands.length > 1)
    return { refusal: "sed: -s is not known for several files", exit: 1 };
  return { words: out, operands, suffix };
}

/** Takes words apart as getopt_long does; what it does not know is an option whose letter is the word as it stands. */
function read(words: readonly string[], known: Options): { readonly options: Given[]; readonly operands: string[] } {
  const options: Given[] = [];
  const operands: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === "--") {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      operands.push(word);
      continue;
    }
    if (word.startsWith("--")) {
      const [, name = "", value] = /^--([^=]*)(?:=([^]*))?$/.exec(word) as RegExpExecArray;
      const whole = known.long[word.slice(2)];
      const valued = known.long[`${name}=`];
      if (whole !== undefined) options.push({ letter: whole, value: undefined });
      else if (valued !== undefined && (value !== undefined || at + 1 < words.length))
        options.push({ letter: valued, value: value ?? words[++at] });
      else if (known === sedOptions && name === "in-place" && value !== undefined) options.push({ letter: "i", value });
      else options.push({ letter: word, value: undefined });
      continue;
    }
    for (let from = 1; from < word.length; from++) {
      const letter = word[from] as string;
      const rest = word.slice(from + 1);
      if (known === sedOptions && letter === "i") {
        options.push({ letter, value: rest });
        break;
      }
      if (known.valued.includes(letter) && (rest !== "" || at + 1 < words.length)) {
        options.push({ letter, value: rest === "" ? words[++at] : rest });
        break;
      }
      options.push({ letter: known.flags.includes(letter) ? letter : `-${letter}`, value: undefined });
    }
  }
  return { options, operands };
}
