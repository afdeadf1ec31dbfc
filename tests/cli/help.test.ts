import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();

describe("help", () => {
  const commands = [
    "fold",
    "run",
    "exec",
    "tool",
    "tool add",
    "tool list",
    "tool remove",
    "watch",
    "watch fold",
    "watch run",
    "import",
    "cat",
    "ls",
    "checkout",
    "worker",
    "worker add",
    "forget",
    "stats",
    "bundle",
    "replay",
    "verify",
    "mcp",
    "replay-calls",
  ];
  for (const command of commands) {
    it(`of ${command} is on stdout, with examples, and is no error`, async () => {
      const said = await room.callIn({ cwd: room.path() }, ...command.split(" "), "--help");
      expect(said).toMatchObject({ status: 0, err: "" });
      const name = { worker: "worker add", tool: "tool add", watch: "watch fold" }[command] ?? command;
      expect(said.out).toMatch(new RegExp(`^Usage: coppice ${command} `));
      expect(said.out).toMatch(new RegExp(`\\nExamples:\\n  \\$ coppice ${name}`));
      expect(said.out).not.toMatch(/\n\n$/);
      expect(said.out).not.toContain("(default: [])");
      for (const line of said.out.split("\n")) expect(line).toBe(line.trimEnd());
    });
  }

  it("lists the commands, examples and exit statuses", async () => {
    expect(await room.callIn({ cwd: room.path() }, "--help")).toMatchSnapshot();
  });

  it("stands on stderr, as a usage error, when no command is given", async () => {
    const said = await room.callIn({ cwd: room.path() });
    expect(said).toMatchObject({ status: 2, out: "" });
    expect(said.err).toMatch(/^Usage: coppice /);
    expect(said.err).not.toContain("outputHelp");
  });
});

it("the version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(await room.callIn({ cwd: room.path() }, "--version")).toEqual({ status: 0, out: `${version}\n`, err: "" });
});

it("the examples that name a file and standard workers work in a fresh repository and store", async () => {
  room.makeRepository("repository", { ...smallRepository, "README.md": "one\ntwo\n" });
  const { out: help } = await room.call("--help");
  const examples = help.split("\n").flatMap((line) => /^ {2}\$ coppice (.*?)(?: {2,}.*)?$/.exec(line)?.[1] ?? []);
  const complete = examples.filter((example) => !/OID/.test(example));
  expect(complete).toHaveLength(7);
  for (const example of complete) {
    const said = await room.call(...example.split(" "));
    expect({ example, status: said.status, errors: said.err.includes("error") }).toEqual({
      example,
      status: 0,
      errors: false,
    });
  }
});
