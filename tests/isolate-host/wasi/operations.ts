/**
 * Random sequences of file operations (fast-check): what they name often exists, and often is of the wrong kind.
 */
import * as fc from "fast-check";
import type { OpenHow } from "../../../src/isolate-host/wasi/files.ts";

/** An operation. What is a number here names an open folder or file, whichever that number falls on. */
export type Operation =
  | { readonly op: "open"; readonly base: number; readonly path: string; readonly how: OpenHow }
  | { readonly op: "close" | "statOpen"; readonly file: number }
  | { readonly op: "read"; readonly file: number; readonly at: number; readonly length: number }
  | { readonly op: "write"; readonly file: number; readonly at: number; readonly length: number; readonly fill: number }
  | { readonly op: "resize"; readonly file: number; readonly size: number }
  | { readonly op: "stat"; readonly base: number; readonly path: string; readonly follow: boolean }
  | { readonly op: "list" | "makeFolder" | "removeFolder" | "unlink"; readonly base: number; readonly path: string }
  | {
      readonly op: "rename";
      readonly base: number;
      readonly path: string;
      readonly toBase: number;
      readonly to: string;
    }
  | {
      readonly op: "link";
      readonly base: number;
      readonly path: string;
      readonly follow: boolean;
      readonly toBase: number;
      readonly to: string;
    }
  | { readonly op: "symlink"; readonly text: string; readonly base: number; readonly path: string }
  | { readonly op: "readLink"; readonly base: number; readonly path: string }
  | { readonly op: "setExecutable"; readonly base: number; readonly path: string; readonly is: boolean };

export interface Scenario {
  /** What makes the tree that there is at first, as far as it succeeds. */
  readonly start: readonly Operation[];
  readonly operations: readonly Operation[];
}

// Few names, so that paths meet; one that is no UTF-8, two at the end of what a name can be.
const anyName = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom("a", "b", "c") },
  { weight: 8, arbitrary: fc.constantFrom("..", ".") },
  { weight: 1, arbitrary: fc.constantFrom("\xe9\x80", "n".repeat(255), "n".repeat(256)) },
);
const slashes = fc.oneof({ weight: 12, arbitrary: fc.constant("/") }, { weight: 1, arbitrary: fc.constant("//") });
const anyPath = fc.oneof(
  { weight: 1, arbitrary: fc.constant("") },
  {
    weight: 60,
    arbitrary: fc
      .record({
        front: fc.oneof({ weight: 5, arbitrary: fc.constant("") }, { weight: 1, arbitrary: slashes }),
        names: fc.oneof(
          { weight: 4, arbitrary: fc.tuple(fc.tuple(anyName, slashes)) },
          { weight: 3, arbitrary: fc.tuple(fc.tuple(anyName, slashes), fc.tuple(anyName, slashes)) },
          { weight: 1, arbitrary: fc.array(fc.tuple(anyName, slashes), { minLength: 3, maxLength: 6 }) },
        ),
        end: fc.oneof({ weight: 8, arbitrary: fc.constant("") }, { weight: 1, arbitrary: slashes }),
      })
      .map(({ front, names, end }) => {
        const steps = names.map(([each, between], at) => (at === 0 ? each : between + each));
        return front + steps.join("") + end;
      }),
  },
);
// Which of two errors comes first when there is nothing to rename, and the new name is too long, changed with Linux, too.
const renamePath = anyPath.filter((each) => !each.includes("n".repeat(256)));
const linkText = fc.oneof({ weight: 20, arbitrary: anyPath }, { weight: 1, arbitrary: fc.constant("/") });
const anyOpen = fc.nat({ max: 1000 });
const anyLength = fc.oneof(
  { weight: 12, arbitrary: fc.nat({ max: 300 }) },
  { weight: 1, arbitrary: fc.nat({ max: 90_000 }) },
);
const anyHow: fc.Arbitrary<OpenHow> = fc
  .record({
    follow: fc.boolean(),
    create: fc.boolean(),
    exclusive: fc.boolean(),
    folder: fc.boolean(),
    truncate: fc.boolean(),
    write: fc.boolean(),
  })
  // What Linux answers to both changed with its version 6.3.
  .map((flags) => (flags.create ? { ...flags, folder: false } : flags));

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant("open" as const), base: anyOpen, path: anyPath, how: anyHow }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("close" as const, "statOpen" as const), file: anyOpen }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant("read" as const), file: anyOpen, at: anyLength, length: anyLength }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("write" as const),
      file: anyOpen,
      at: anyLength,
      length: anyLength,
      fill: fc.nat({ max: 255 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("resize" as const), file: anyOpen, size: anyLength }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("stat" as const), base: anyOpen, path: anyPath, follow: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom(
        "list" as const,
        "makeFolder" as const,
        "makeFolder" as const,
        "removeFolder" as const,
        "unlink" as const,
      ),
      base: anyOpen,
      path: anyPath,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("rename" as const),
      base: anyOpen,
      path: anyPath,
      toBase: anyOpen,
      to: renamePath,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("link" as const),
      base: anyOpen,
      path: anyPath,
      follow: fc.boolean(),
      toBase: anyOpen,
      to: anyPath,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("symlink" as const), text: linkText, base: anyOpen, path: anyPath }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("readLink" as const), base: anyOpen, path: anyPath }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("setExecutable" as const), base: anyOpen, path: anyPath, is: fc.boolean() }),
  },
);

const starting: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constant("makeFolder" as const), base: fc.constant(0), path: anyPath }),
  fc.record({ op: fc.constant("symlink" as const), text: linkText, base: fc.constant(0), path: anyPath }),
  fc.record({
    op: fc.constant("open" as const),
    base: fc.constant(0),
    path: anyPath,
    how: fc.constant({ follow: false, create: true, exclusive: true, folder: false, truncate: false, write: true }),
  }),
  fc.record({
    op: fc.constant("write" as const),
    file: anyOpen,
    at: fc.constant(0),
    length: anyLength,
    fill: fc.nat({ max: 255 }),
  }),
  fc.record({ op: fc.constant("setExecutable" as const), base: fc.constant(0), path: anyPath, is: fc.constant(true) }),
);

/** A start and some dozens of operations. */
export const scenario: fc.Arbitrary<Scenario> = fc.record({
  start: fc.array(starting, { minLength: 12, maxLength: 24, size: "max" }),
  operations: fc.array(operation, { minLength: 1, maxLength: 100, size: "max" }),
});
