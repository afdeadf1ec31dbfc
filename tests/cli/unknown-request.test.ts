/** Every command that takes a request answers one that it does not know alike: status 2, one sentence, nothing on stdout. */
import { beforeAll, expect, test } from "vitest";
import { absent, jsonError, sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();
beforeAll(async () => {
  room.makeRepository("repository", smallRepository);
  await room.call("import", ".");
});

/** What stands before the request, and behind it. */
const calls = {
  explain: [["explain"], []],
  trace: [["trace"], []],
  bundle: [["bundle"], ["unknown.car"]],
  forget: [["forget"], []],
  verify: [["verify"], []],
  settling: [
    ["verify", "--resolve"],
    ["--keep", "memo"],
  ],
} as const;

async function helpOf(...command: readonly string[]): Promise<string> {
  return (await room.call(...command, "--help")).out;
}

test("the commands that are asked here are all that take a request", async () => {
  const names = Array.from((await helpOf()).matchAll(/^ {2}([a-z]+) \[/gm), ([, name]) => name as string);
  expect(names.length).toBeGreaterThan(10);
  const helps = await Promise.all(names.map(async (name) => [name, await helpOf(name)] as const));
  const takers = helps.filter(([, help]) => /^Usage: .*REQUEST/m.test(help)).map(([name]) => name);
  expect(takers.toSorted()).toEqual([...new Set(Object.values(calls).map(([[command]]) => command))].toSorted());
});

test.each(Object.entries(calls))("%s", async (_, [before, behind]) => {
  const call = (request: string, ...more: readonly string[]) => room.call(...before, request, ...behind, ...more);
  const message = `nothing is known of request ${absent}: it never ran in this store`;
  expect(await call(absent)).toEqual({ status: 2, out: "", err: `error: ${message}\n` });
  if (before[0] !== "forget")
    expect(jsonError(await call(absent, "--json"))).toEqual({ error: { kind: "usage", message } });
  const blob = room.git(room.repository, "rev-parse", "HEAD:a.txt");
  expect(await call(blob)).toEqual({ status: 2, out: "", err: `error: ${blob} is a blob, and no request\n` });
  const tree = room.git(room.repository, "rev-parse", "HEAD:sub");
  expect(await call(tree)).toEqual({ status: 2, out: "", err: `error: ${tree} is a tree, and no request\n` });
  expect(await call("x")).toMatchObject({ status: 2, err: expect.stringContaining("is no oid") as string });
});
