/**
 * Scripts that are one pipeline of well-known commands in literal words, as most that are typed are: `grep TODO a.txt | sort | uniq -c | head -n 5`. Such a one needs no interpreter. Nothing in it is expanded, its first
 * command has no stdin, and each of the others has what the one before it printed; so it is done here, with the same requests and the same result (tests/workers/shell-pipelines.test.ts compares).
 */

/** Commands that are no builtins, no words of the grammar, and do nothing to the shell. */
const plainNames = new Set(
  "awk base64 basename cat cksum comm cut diff dirname du egrep expand fgrep fold grep head ls md5sum nl od paste sed sha1sum sha256sum sha512sum sort stat tac tail tr unexpand uniq wc".split(
    " ",
  ),
);

/** Stages of such a pipeline at most, and characters of its script: a longer one is the interpreter's, which counts. */
const stagesMax = 32;
const scriptCharsMax = 4096;

/** A word without quotes that stands for itself, text in single quotes, text in double quotes in which nothing is expanded. Of printable ASCII. */
const piece = String.raw`[\w./:,+@%=-]+|'[ -&(-~]*'|"[ #%-\[\]-_a-~]*"`;
const words = new RegExp(String.raw`[ \t]*(?:((?:${piece})+)|(\|)(?![|&]))`, "y");

/** The stages of such a script, their words as commands get them; undefined for any other. */
export function plainPipeline(script: string): string[][] | undefined {
  if (script.length > scriptCharsMax) return undefined;
  const text = script.replace(/[ \t\n]+$/, "");
  const stages: string[][] = [[]];
  for (words.lastIndex = 0; words.lastIndex < text.length;) {
    const [, word, bar] = words.exec(text) ?? [];
    if (bar !== undefined) stages.push([]);
    else if (word !== undefined) stages.at(-1)?.push(literal(word));
    else return undefined;
  }
  return stages.length <= stagesMax && stages.every(([name = ""]) => plainNames.has(name)) ? stages : undefined;
}

/** A word without its quotes. */
function literal(word: string): string {
  return word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? "");
}
