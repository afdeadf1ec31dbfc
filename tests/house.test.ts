/** Rules of the house that no compiler knows. Each asserts that it saw files, since a rule over none would always hold. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll("\\", "/"));

/** Rooms from the ground up; each may import itself and those before it. Files directly in src/ are the engine's. */
const rooms = ["store", "abi", "scheduler", "isolate-host", "engine", "tools", "cli"];
/** They stand beside each other: both are edges, and use each other's files. */
const edges = ["cli", "server"];
const height = (room: string) => rooms.indexOf(edges.includes(room) ? "cli" : room);
const roomOf = (file: string) => (file.includes("/") ? (file.split("/", 1)[0] as string) : "engine");

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, "src", file), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(
    ([, specifier]) => specifier as string,
  );
  return specifiers.map((specifier) =>
    relative(join(root, "src"), join(root, "src", dirname(file), specifier)).replaceAll("\\", "/"),
  );
}

test("imports point from a room to itself or to one below", () => {
  const arrows = sources.flatMap((file) => importsOf(file).map((imported) => [file, imported] as const));
  expect(arrows.length).toBeGreaterThan(100);
  const isAllowed = (from: string, to: string) => height(roomOf(to)) <= height(roomOf(from)) && height(roomOf(to)) >= 0;
  // A program reads its own version where the package says it.
  expect(arrows.filter(([from, to]) => !isAllowed(from, to))).toEqual([]);
});

test("no file imports itself by way of others", () => {
  const importing = new Map(sources.map((file) => [file, importsOf(file)]));
  const isKnown = ([, imported]: readonly [string, string[]]) => imported.every((each) => importing.has(each));
  expect([...importing].filter((entry) => !isKnown(entry)).map(([file]) => file)).toEqual([]);
  /** Files already found to be in no circle. */
  const clear = new Set<string>();
  const circleFrom = (file: string, above: readonly string[]): readonly string[] | undefined => {
    if (above.includes(file)) return [...above.slice(above.indexOf(file)), file];
    if (clear.has(file)) return undefined;
    for (const imported of importing.get(file) ?? []) {
      const circle = circleFrom(imported, [...above, file]);
      if (circle !== undefined) return circle;
    }
    clear.add(file);
    return undefined;
  };
  expect(sources.map((file) => circleFrom(file, [])).filter((circle) => circle !== undefined)).toEqual([]);
  expect(clear.size).toBe(sources.length);
});

test("every folder of src is a room that is known here", () => {
  expect(new Set(sources.map(roomOf))).toEqual(new Set([...rooms, ...edges]));
});

test("the environment is read at the edge alone", () => {
  const readers = sources.filter((file) =>
    /process\.env|homedir\(/.test(readFileSync(join(root, "src", file), "utf8")),
  );
  expect(readers.length).toBeGreaterThan(0);
  expect(readers.filter((file) => roomOf(file) !== "cli")).toEqual([]);
});

test("nothing that is committed names a machine's folders or a package registry", () => {
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
  expect(files.length).toBeGreaterThan(100);
  // Spelled so that this file does not find itself.
  const machine = new RegExp(["/(?:wo", "rk|ro", "ot|ho", "me/[a-z]+)/|regis", "try\\.npm|deb", "ian\\.org"].join(""));
  const naming = files.filter((file) => machine.test(readFileSync(join(root, file), "latin1")));
  expect(naming).toEqual([]);
});
