/** A command in C, compiled elsewhere and kept as bytes, does to files what it does on Linux: 255 steps, of which each tells what it came to. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { listed, runCommand } from "../../guests/command.ts";
import { sharedRoom } from "../../guests/room.ts";

const room = sharedRoom({ executors: 1 });
const kept = (name: string) => readFileSync(new URL(`../../guests/c/${name}`, import.meta.url));

test("every step tells what it tells on Linux, and the files that are left are the same", async () => {
  const worker = await room.engine.addCommand(kept("files.wasm"));
  const { exit, stdout, stderr, out } = await runCommand(room.engine, worker, { stdin: "first line\nrest" });
  expect(stdout.split("\n")).toEqual(kept("files.txt").toString("utf8").split("\n"));
  expect([exit, stderr]).toEqual([42, "255 steps\n"]);
  expect(await room.engine.verify("all")).toMatchObject({ confirmed: 1, divergences: [], unverified: [] });
  const left = Object.entries(listed(room.engine, out)).map(([path, [mode, text]]) =>
    mode === "120000" ? `${path} -> ${text}` : path,
  );
  expect(left).toEqual([
    "a/",
    "a/b/",
    "a/b/c",
    "file",
    "folder/",
    "folder/up -> ../file",
    "hard",
    "hollow2/",
    "hollow2/in",
    "log",
    "loop-a -> loop-b",
    "loop-b -> loop-a",
    "n",
    "nowhere",
    "p",
    "self -> self",
    "t",
    "to-file -> file",
    "to-file-2 -> file",
    "to-file-slash -> file/",
    "to-folder -> folder",
    "to-t -> t",
  ]);
});
