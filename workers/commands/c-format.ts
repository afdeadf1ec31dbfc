/** Numbers as C's printf writes them, exact to the last digit, a number between two going to the even one; and what a format makes of a list of values. */

/** Characters that a width or precision may ask for. */
export const widthMax = 1_000_000;

/** A conversion of a format. */
interface Conversion {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly letter: string;
}

/** The next argument of a format, as what its conversion takes. */
export interface FormatArguments {
  readonly number: () => number;
  readonly text: () => string;
  /** Of %c: the text to be put. */
  readonly char: () => string;
}

/** What a format makes of its arguments. A conversion that is none stands as it is. */
export function formatted(format: string, given: FormatArguments): string {
  return format.replaceAll(
    /%(?:%|([-+ #0']*)(\*|\d+)?(?:\.(\*|-?\d*))?(?:hh|h|ll|l|L|q|j|z|t)?([a-zA-Z%])?)/g,
    (whole: string, flags?: string, width?: string, precision?: string, letter?: string) => {
      if (whole === "%%") return "%";
      if (letter === undefined || !/[diouxXeEfFgGaAcs]/.test(letter)) return whole;
      let sides = flags ?? "";
      let wide = width === "*" ? Math.trunc(given.number()) : Number(width ?? 0);
      if (wide < 0) [wide, sides] = [-wide, `${sides}-`];
      const exact =
        precision === undefined ? undefined : precision === "*" ? Math.trunc(given.number()) : Number(precision);
      const conversion: Conversion = {
        flags: sides,
        width: Math.min(wide, widthMax),
        precision: exact === undefined || exact < 0 ? undefined : Math.min(exact, widthMax),
        letter,
      };
      if (letter === "c") return padded(given.char(), conversion);
      if (letter === "s") {
        const text = given.text();
        return padded(conversion.precision === undefined ? text : text.slice(0, conversion.precision), conversion);
      }
      return numberText(given.number(), conversion);
    },
  );
}

function padded(text: string, { flags, width }: Conversion): string {
  return flags.includes("-") ? text.padEnd(width) : text.padStart(width);
}

/** A number by a conversion. */
function numberText(value: number, conversion: Conversion): string {
  const { flags, letter, precision } = conversion;
  const isNegative = !(value > 0) && !Object.is(value, 0); // what is no number is negative, as processors make it
  const isSigned = !/[ouxX]/.test(letter);
  const sign = isSigned ? (isNegative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "") : "";
  if (!Number.isFinite(value) && !/[diouxX]/.test(letter)) {
    const text = (Number.isNaN(value) ? "nan" : "inf") as string;
    return padded(sign + (/[A-Z]/.test(letter) ? text.toUpperCase() : text), {
      ...conversion,
      width: conversion.width,
    });
  }
  let digits: string;
  let prefix = sign;
  if (/[diouxX]/.test(letter)) {
    const whole = wholeOf(value);
    if (isSigned && whole === 0n)
      prefix = prefix === "-" ? (flags.includes("+") ? "+" : flags.includes(" ") ? " " : "") : prefix;
    const base = letter === "o" ? 8 : letter === "x" || letter === "X" ? 16 : 10;
    const size = isSigned ? (whole < 0n ? -whole : whole) : BigInt.asUintN(64, whole);
    digits = size.toString(base);
    if (precision === 0 && size === 0n) digits = "";
    if (precision !== undefined) digits = digits.padStart(precision, "0");
    if (flags.includes("#")) {
      if (letter === "o" && !digits.startsWith("0")) digits = `0${digits}`;
      else if (base === 16 && size !== 0n) prefix += "0x";
    }
    if (letter === "X") [digits, prefix] = [digits.toUpperCase(), prefix.toUpperCase()];
  } else digits = floatText(Math.abs(value), letter.toLowerCase(), precision, flags.includes("#"));
  if (/[EGFA]/.test(letter)) digits = digits.toUpperCase();
  const takesZeros =
    flags.includes("0") && !flags.includes("-") && !(/[diouxX]/.test(letter) && precision !== undefined);
  if (takesZeros) digits = digits.padStart(conversion.width - prefix.length, "0");
  return padded(prefix + digits, conversion);
}

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
function wholeOf(value: number): bigint {
  if (Number.isNaN(value)) return least;
  if (value >= 2 ** 63) return value < 2 ** 64 ? BigInt(value) : most;
  return value <= -(2 ** 63) ? least : BigInt(Math.trunc(value));
}

function floatText(value: number, letter: string, precision: number | undefined, keepsPoint: boolean): string {
  const places = precision ?? 6;
  if (letter === "a") return hexText(value, precision);
  if (letter === "f") return withPoint(fixed(value, places), keepsPoint);
  if (letter === "e") return exponential(value, places, keepsPoint);
  const significant = places === 0 ? 1 : places;
  const { digits, exponent } = rounded(value, significant);
  if (exponent < -4 || exponent >= significant) {
    const mantissa = keepsPoint ? digits : digits.replace(/0+$/, "") || "0";
    return (
      mantissa.slice(0, 1) +
      (mantissa.length > 1 ? `.${mantissa.slice(1)}` : keepsPoint ? "." : "") +
      exponentText(exponent)
    );
  }
  const text =
    exponent < 0
      ? `0.${"0".repeat(-exponent - 1)}${digits}`
      : `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  return keepsPoint ? text : text.replace(/\.?0*$/, "");
}

function withPoint(text: string, keepsPoint: boolean): string {
  return keepsPoint && !text.includes(".") ? `${text}.` : text;
}

function exponential(value: number, places: number, keepsPoint: boolean): string {
  const { digits, exponent } = rounded(value, places + 1);
  return withPoint(digits.slice(0, 1) + (places > 0 ? `.${digits.slice(1)}` : ""), keepsPoint) + exponentText(exponent);
}

function exponentText(exponent: number): string {
  return `e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** A number as a fraction of whole numbers, exactly. */
function fractionOf(value: number): { readonly above: bigint; readonly below: bigint } {
  let [scaled, power] = [value, 0];
  while (!Number.isInteger(scaled)) [scaled, power] = [scaled * 2, power + 1];
  return { above: BigInt(scaled), below: 1n << BigInt(power) };
}

function divided(above: bigint, below: bigint): bigint {
  const whole = above / below;
  const twice = (above - whole * below) * 2n;
  return twice > below || (twice === below && (whole & 1n) === 1n) ? whole + 1n : whole;
}

function fixed(value: number, places: number): string {
  // Between two lies only what so many halvings make whole.
  if (value < 1e21 && places <= 100 && !Number.isInteger(value * 2 ** (places + 1))) return value.toFixed(places);
  const { above, below } = fractionOf(value);
  const text = divided(above * 10n ** BigInt(places), below)
    .toString()
    .padStart(places + 1, "0");
  return places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
}

/** The first digits of a number, rounded, and the power of ten of the first of them. */
function rounded(value: number, count: number): { readonly digits: string; readonly exponent: number } {
  if (value === 0) return { digits: "0".repeat(count), exponent: 0 };
  if (count <= 100 && !Number.isInteger(value * 2 ** (count + 1))) {
    const [digits = "", exponent = ""] = value.toExponential(count - 1).split("e");
    return { digits: digits.replace(".", ""), exponent: Number(exponent) };
  }
  const { above, below } = fractionOf(value);
  let exponent = Number(value.toExponential(0).split("e")[1]);
  if (compared(above, below, exponent) < 0) exponent--;
  for (;;) {
    const scale = count - 1 - exponent;
    const whole =
      scale >= 0 ? divided(above * 10n ** BigInt(scale), below) : divided(above, below * 10n ** BigInt(-scale));
    const digits = whole.toString();
    if (digits.length === count) return { digits, exponent };
    exponent++;
  }
}

/** Whether a fraction is less than that power of ten. */
function compared(above: bigint, below: bigint, exponent: number): number {
  const [left, right] =
    exponent >= 0 ? [above, below * 10n ** BigInt(exponent)] : [above * 10n ** BigInt(-exponent), below];
  return left < right ? -1 : 1;
}

function hexText(value: number, precision: number | undefined): string {
  if (value === 0) return `0x0${precision !== undefined && precision > 0 ? `.${"0".repeat(precision)}` : ""}p+0`;
  let exponent = Math.floor(Math.log2(value));
  let mantissa = value / 2 ** exponent;
  if (mantissa >= 2) [mantissa, exponent] = [mantissa / 2, exponent + 1];
  if (mantissa < 1) [mantissa, exponent] = [mantissa * 2, exponent - 1];
  let bits = BigInt(mantissa * 2 ** 52);
  let digits = 13;
  if (precision !== undefined && precision < 13) {
    bits = divided(bits, 1n << BigInt(4 * (13 - precision)));
    digits = precision;
  }
  const text = bits.toString(16).padStart(digits + 1, "0");
  let fraction = text.slice(text.length - digits);
  if (digits === 0) fraction = "";
  fraction = precision === undefined ? fraction.replace(/0+$/, "") : fraction.padEnd(precision, "0");
  const whole = digits === 0 ? text : text.slice(0, -digits);
  return `0x${whole}${fraction === "" ? "" : `.${fraction}`}p${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
}
