/** Arithmetic of random expressions is that of the system's bash: 64 bits in two's complement, whatever overflows. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { alone } from "./shell-alone.ts";

/** The same pseudo-random numbers each time (Numerical Recipes' generator). */
let state = 20_261_122;
function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}
function oneOf(texts: readonly string[]): string {
  return texts[below(texts.length)] ?? "";
}

const operands =
  "0 1 2 7 010 0xff 2147483647 4294967296 94906267 3037000500 9007199254740991 9007199254740992 9007199254740993 123456789012345678 4611686018427387904 9223372036854775807 9223372036854775808 18446744073709551615 0x7fffffffffffffff 0x8000000000000001 0777777777777777777777 36#zzzzzzzzzzzz 64#Zz@_ 16#DeadBeefCafe small great hex octal sum".split(
    " ",
  );
const values =
  "small=-3 great=9007199254740995 hex=0xfedcba9876543210 octal=01234567012345670123456 sum='great + small * 2'";

function expression(depth: number): string {
  if (depth === 0) return oneOf(operands);
  const [left, right] = [expression(depth - 1), expression(below(depth))];
  switch (below(8)) {
    case 0:
      return `${oneOf(["-", "~", "!", "+"])} (${left})`;
    case 1:
      return `(${left}) ${oneOf(["/", "%"])} ((${right}) | 1)`;
    case 2:
      return `(${left}) ** ((${right}) & 127)`;
    case 3:
      return `(${left}) ? (${right}) : (${left})`;
    case 4:
      return `(made ${oneOf(["=", "+=", "-=", "*=", "<<=", ">>=", "&=", "|=", "^="])} ${right})`;
    case 5:
      return oneOf(["made++", "++made", "made--", "--made"]);
    default:
      return `(${left}) ${oneOf("+ - * << >> & | ^ < <= > >= == != && || ,".split(" "))} (${right})`;
  }
}

test("random expressions", async () => {
  const expressions = Array.from({ length: 500 }, () => expression(1 + below(4)));
  const line = (text: string, at: number) => {
    switch (at % 4) {
      case 0:
        return `((last = ${text})); echo $? $last $made`;
      case 1:
        return `let "last = ${text}"; echo $? $last; [ $last -gt $made ]; echo $?`;
      case 2:
        return `[[ ${oneOf(operands)} -le $made ]]; echo $? $((${text})); printf '%d %x %o %u\\n' $made $made $made $made`;
      default:
        return `echo $((${text})) $made`;
    }
  };
  const lines = expressions.map((text, at) => `made=9007199254740990; ${line(text, at)}`);
  const script = [values, ...lines.map((each, at) => `printf '%d: ' ${at}; ${each}`)].join("\n");
  const bash = spawnSync("bash", ["-c", script], { encoding: "latin1" });
  expect(bash.stderr).toBe("");
  const answers = (stdout: string) => stdout.split(/^\d+: /m).map((answer, at) => [lines[at - 1], answer]);
  expect(answers((await alone(["-c", script], "")).stdout)).toEqual(answers(bash.stdout));
});
