/**
 * The numbers under which guests of the binary ABI know the texts of errors. They are part of the contract like the texts: numbers are only ever
 * added, at the end, and none is used again. Negative, so that one integer is either an answer or an error.
 */
import { errorTexts, type ErrorText } from "./error-texts.ts";

export const errorNumbers = {
  outOfMemory: -1,
  tooLong: -2,
  notUtf8: -3,
  notJson: -4,
  tooDeep: -5,
  notAnObject: -6,
  unknownOp: -7,
  badOp: -8,
  badHash: -9,
  malformedOid: -10,
  badBytes: -11,
  malformedBase64: -12,
  badMsg: -13,
  badKind: -14,
  badEntries: -15,
  badEntry: -16,
  badName: -17,
  badMode: -18,
  badImage: -19,
  badArgs: -20,
  badReqs: -21,
  badReq: -22,
  tooMany: -23,
  notABlob: -24,
  notATree: -25,
  malformedTree: -26,
  nameNotUtf8: -27,
  reservedName: -28,
  duplicateName: -29,
  wrongKind: -30,
  tooLarge: -31,
  argsNotATree: -32,
  notAnImage: -33,
  noSuchWorker: -34,
  notAWorker: -35,
  curriedTooDeep: -36,
  outTwice: -37,
} as const satisfies Record<keyof typeof errorTexts, number>;

/** An error that a guest is told of, as a number. */
export type ErrorNumber = (typeof errorNumbers)[keyof typeof errorNumbers];

const texts: ReadonlyMap<number, ErrorText> = new Map(
  Object.entries(errorNumbers).map(([name, number]) => [number, errorTexts[name as keyof typeof errorTexts]]),
);
const numbers: ReadonlyMap<ErrorText, ErrorNumber> = new Map(
  Object.entries(errorNumbers).map(([name, number]) => [errorTexts[name as keyof typeof errorTexts], number]),
);

/** The text of an error; undefined for a number that is none. */
export function errorText(number: ErrorNumber): ErrorText;
export function errorText(number: number): ErrorText | undefined;
export function errorText(number: number): ErrorText | undefined {
  return texts.get(number);
}

export function errorNumber(text: ErrorText): ErrorNumber {
  return numbers.get(text) as ErrorNumber;
}
