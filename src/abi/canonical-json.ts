/**
 * Canonical JSON (RFC 8785, "JCS"): one text for one value, so that equal results have equal names.
 *
 * UTF-8, no white space, no newline at the end. An object's keys are sorted by UTF-16 code units; numbers and strings are as JSON.stringify writes them (so -0 is `0`), which ECMA-262 fixes. What JSON
 * cannot say is refused rather than dropped: JSON.stringify leaves out a property that is undefined, makes NaN null and a Map `{}`, and what was meant would be lost without a word.
 */

/** Arrays and objects within each other. JSON.parse of what is written, by us or by others, goes deeper. */
const jsonNestingMax = 1000;

/** A value that JSON cannot say. */
export class UnfitJson extends Error {
  override readonly name = "UnfitJson";
  /** Where in the value, as JavaScript would spell it from `value` on: `value.files[3]["a b"]`. */
  readonly path: string;
  /** What stands there: "undefined", "a function", "an instance of Map". */
  readonly found: string;
  constructor(path: string, found: string) {
    super(`${path} is ${found}, which JSON can't say`);
    this.path = path;
    this.found = found;
  }
}

/**
 * The canonical text of a value of null, booleans, finite numbers, well-formed strings, arrays without holes and plain objects. Reads every property once. Throws UnfitJson for anything else: undefined,
 * NaN, a bigint, a function (so `toJSON` too), a symbol, an instance of a class, a lone surrogate, a circle, or more than 1,000 levels.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, "value", new Set());
}

/** `above`: the arrays and objects that the value stands in. */
function textOf(value: unknown, path: string, above: Set<object>): string {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new UnfitJson(path, "a string with half a surrogate pair");
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new UnfitJson(path, String(value));
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      return value === null ? "null" : compoundText(value, path, above);
    case "undefined":
      throw new UnfitJson(path, "undefined");
    case "bigint":
    case "function":
    case "symbol":
      throw new UnfitJson(path, `a ${typeof value}`);
  }
}

function compoundText(value: object, path: string, above: Set<object>): string {
  if (above.has(value)) throw new UnfitJson(path, "an object that it is itself a part of");
  if (above.size === jsonNestingMax) throw new UnfitJson(path, `nested deeper than ${jsonNestingMax} levels`);
  above.add(value);
  // Array.from, not map, which skips holes.
  const text = Array.isArray(value)
    ? `[${Array.from(value, (item, at) => textOf(item, `${path}[${at}]`, above)).join(",")}]`
    : objectText(value, path, above);
  above.delete(value);
  return text;
}

function objectText(value: object, path: string, above: Set<object>): string {
  if (!isPlain(value)) throw new UnfitJson(path, `an instance of ${className(value)}`);
  const symbol = Object.getOwnPropertySymbols(value).find((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key),
  );
  if (symbol !== undefined) throw new UnfitJson(path, `an object with the symbol ${String(symbol)} for a key`);
  const members = Object.keys(value)
    .toSorted(byCodeUnits)
    .map((key) => {
      const at = `${path}${accessor(key)}`;
      if (!key.isWellFormed()) throw new UnfitJson(at, "under a key with half a surrogate pair");
      return `${JSON.stringify(key)}:${textOf((value as Record<string, unknown>)[key], at, above)}`;
    });
  return `{${members.join(",")}}`;
}

/** An object literal's, or one without a prototype, of whichever realm. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function className(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? name : "a class";
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function accessor(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
