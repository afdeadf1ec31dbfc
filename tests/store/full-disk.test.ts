/** A disk that is really full: a small file system of its own where the machine allows to mount one, and a bound on the size of files elsewhere. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { FullDiskReport } from "./full-disk-child.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const child = fileURLToPath(new URL("./full-disk-child.ts", import.meta.url));
const bytes = 2 << 20;

/** Runs the child in a shell, behind `prelude`; the child gets a folder and the way in which room is made. */
function run(prelude: string, way: "delete" | "prlimit", wrap: readonly string[] = []): FullDiskReport {
  const folder = file("folder");
  mkdirSync(folder);
  const script = `${prelude}\nexec "$1" "$2" "$3" "$4"`;
  const args = [...wrap, "sh", "-c", script, "sh", process.execPath, child, folder, way];
  return JSON.parse(execFileSync("env", args, { encoding: "utf8" })) as FullDiskReport;
}

const namespace = ["unshare", "--map-root-user", "--mount"] as const;
const [unshare, ...unshareArgs] = namespace;
const canMount =
  spawnSync(unshare, [
    ...unshareArgs,
    "sh",
    "-c",
    'mkdir -p "$1" && mount -t tmpfs -o size=64k none "$1"',
    "sh",
    file("probe"),
  ]).status === 0;

describe("when the disk is full", () => {
  // Mounting needs a user namespace, which containers and some distributions forbid.
  test.skipIf(!canMount)("it is said so, what was stored is there, and with new room the same handle goes on", () => {
    const report = run(`mount -t tmpfs -o size=${bytes} none "$3"`, "delete", namespace);
    expect(report.filling).toMatchObject({ name: "StoreFailure", fault: "full" });
    expect(report.filling?.message).toContain("the disk is full; nothing that was stored is lost");
    expect(report.again).toMatchObject({ fault: "full" });
    expect(report.opening === undefined || report.opening.fault === "full").toBe(true);
    expectAllThere(report);
  });

  test.skipIf(!canMount)("a store that is closed is opened as one on a full disk, or is said to be one", () => {
    const report = run(`mount -t tmpfs -o size=${bytes} none "$3"`, "delete", namespace);
    for (const failure of report.openings) expect(failure).toMatchObject({ name: "StoreFailure", fault: "full" });
    expect(report.openings.length).toBeGreaterThan(0);
  });

  test("a bound on the size of files is a typed error, what was stored is there, and with new room the same handle goes on", () => {
    const report = run(`ulimit -S -f ${bytes / 1024}`, "prlimit");
    expect(report.filling).toMatchObject({ name: "StoreFailure" });
    expect(["full", "unusable"]).toContain(report.filling?.fault);
    expectAllThere(report);
  });
});

function expectAllThere(report: FullDiskReport): void {
  expect(report.flushed).toBeGreaterThan(1);
  expect(report.readableWhileFull).toBe(report.flushed);
  expect(report.readableElsewhere).toBe(report.flushed);
  // What was refused was still buffered, and is stored once there is room.
  expect(report.inTheEnd).toBe(report.flushed + report.refused + 1);
  expect(report.refused).toBeGreaterThan(0);
  expect(report.faultsInTheEnd).toEqual([]);
}
