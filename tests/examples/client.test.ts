/** examples/client: a client of the server sees a tree change, and the same call remembered. */
import { expect, test } from "vitest";
import { git, put, repositoryWith } from "../store/git/git.ts";
import { printed, refused } from "./room.ts";

test("a client changes a copy of a work tree; the second time it is remembered, and the work tree is as it was", () => {
  const repository = repositoryWith({ "a.txt": "1\n", "sub/b.txt": "2\n" });
  const before = git(repository, ["rev-parse", "HEAD^{tree}"]);
  const said = printed("client/client.ts", repository);
  expect(git(repository, ["status", "--short"])).toBe("");
  put(repository, "LIST", "LIST\na.txt\nsub\n");
  git(repository, ["add", "-A"]);
  const line = `tree ${before} -> ${git(repository, ["write-tree"])}, 1 path changed, remembered:`;
  expect(said).toBe(`first: ${line} false\nagain: ${line} true\n`);
});

test("what the server refuses is told in its sentence", () => {
  const [status, said] = refused("client/client.ts", "/nowhere");
  expect(status).toBe(1);
  expect(said).toContain("--root /nowhere: there is no such folder");
});
