/** The command's whole process over the bench fixture as a repository, against Node's own start. */
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEngine } from "../../src/engine.ts";
import { hashObject } from "../../src/store/object.ts";
import vectors from "../vectors.json" with { type: "json" };
import { startedNode, withFolder } from "./apart.ts";
import { benchFixture } from "./fixtures.ts";
import { git } from "./packed-repository.ts";
import { mustBe, ratioRow, row, timedRow, type Row, type Timed } from "./row.ts";

const { result } = vectors.fixtures.bench;

export async function commandRows(runs: number): Promise<Row[]> {
  const samples = { cold: [] as Timed[], warm: [] as Timed[], untold: [] as Timed[], bare: [] as Timed[] };
  await withFolder(async (folder) => {
    const repository = join(folder, "repository");
    await makeRepository(repository, join(folder, "checkout.sqlite"));
    const command = fileURLToPath(new URL("../../bin/coppice.js", import.meta.url));
    const fold = (store: string) => [command, "fold", repository, "--post", "file-count", "--store", store];
    const kept = join(folder, "kept.sqlite");
    startedNode(fold(kept));
    // In turn, so that all see the same machine.
    for (let run = 0; run < runs; run++) {
      samples.cold.push(folding(fold(join(folder, `${run}.sqlite`))));
      samples.warm.push(folding(fold(kept)));
      samples.untold.push(foldingToJson(fold(kept)));
      samples.bare.push({ ms: startedNode(["-e", ""]).ms, jobs: 0, oid: "" });
    }
  });
  const { cold, warm, untold, bare } = samples;
  mustBe("command line, cold", cold, { oid: result, jobs: 200 });
  mustBe("command line, warm", [...warm, ...untold], { oid: result, jobs: 0 });
  return [
    timedRow("command line, bench fixture, cold", cold),
    ratioRow("command line, bench fixture, cold, to the bare start", cold, bare),
    timedRow("command line, bench fixture, warm", warm),
    ratioRow("command line, bench fixture, warm, to the bare start", warm, bare),
    timedRow("command line, bench fixture, warm, --json", untold),
    row(
      "node -e ''",
      "ms",
      bare.map(({ ms }) => ms),
    ),
  ];
}

/** One run of the command, which prints the result and tells of the jobs. */
function folding(args: readonly string[]): Timed {
  const { ms, output, told } = startedNode(args);
  const jobs = Number(/^(\d+) jobs executed/.exec(told)?.[1]);
  return { ms, jobs, oid: hashObject("blob", Buffer.from(output)) };
}

/** The same, told as JSON. */
function foldingToJson(args: readonly string[]): Timed {
  const { ms, output } = startedNode([...args, "--json"]);
  const { oid, jobs } = JSON.parse(output) as { readonly oid: string; readonly jobs: { readonly executed: number } };
  return { ms, jobs: jobs.executed, oid };
}

/** The bench fixture as a repository whose files git need not read to see that they are unchanged. */
async function makeRepository(folder: string, store: string): Promise<void> {
  const engine = openEngine({ store });
  await engine.checkout(benchFixture(engine), folder);
  await engine.close();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) utimesSync(join(folder, path), 1, 1);
  const person = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"];
  git(folder, "", "init");
  git(folder, "", "add", "--all");
  git(folder, "", ...person, "commit", "--message=fixture");
}
