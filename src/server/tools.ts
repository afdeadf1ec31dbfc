/**
 * The tools that a client may call: what each is called and takes and answers, for clients as JSON schemas, and what it does. Nothing here knows how calls come in.
 *
 * A tool is a function of its arguments and of the objects that they name; `import` and `checkout` alone touch the machine's folders, and only those that the server was given. A call that can't be answered throws
 * ToolFault, UsageError or an error of the engine that says why in a sentence.
 */
import { posix } from "node:path";
import { z } from "zod";
import { parseOid, type Arg, type Engine, type Oid, type RunOptions, type RunResult } from "../engine.ts";
import { explanationText } from "../cli/explain.ts";
import { UsageError } from "../cli/exit.ts";
import { isFolder, leftOutNotes, submoduleNotes } from "../cli/naming.ts";
import { listing } from "../cli/output.ts";
import { namedCommand } from "../tools/named-command.ts";
import {
  commonShape,
  lookedAt,
  oidShape,
  settled,
  shownNew,
  shownObject,
  shownShape,
  type Answer,
  type Common,
} from "./answer.ts";
import { folderToWrite, pathToRead, repositoryToRead, type Folders } from "./folders.ts";
import { lineCount, partOfLines, showText } from "./shown-text.ts";
import { diffOf, placesIn } from "./tree-diff.ts";
import { objectNamed, placeIn, quoted, treeNamed, wordOf } from "./tree-path.ts";

/** Entries that one `ls` lists; a note says that there are more. */
const listedEntriesMax = 2_000;
/** Levels that one `ls` goes down. */
const listedDepthMax = 64;
/** Paths that an answer of `diff` names one by one. */
const namedChangesMax = 1_000;
/** Jobs that one `explain` of a path explains. */
const explainedJobsMax = 20;

/** What a call works with. */
export interface Calling {
  readonly engine: Engine;
  readonly folders: Folders;
  /** Where the packages of commands are looked for, the first first. */
  readonly toolFolders: readonly string[];
  /** Ends what the call runs; what was computed is kept. */
  readonly signal: AbortSignal;
  /** Hears how many jobs were executed for the call so far, while they are. */
  readonly onProgress?: (executed: number) => void;
}

/** What a client may know of a tool's doings beforehand, in the protocol's words. */
interface Hints {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

export interface Tool {
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly hints: Hints;
  /** Takes what `input` let through. */
  readonly call: (calling: Calling, args: never) => Promise<Answer>;
}

/** Nothing but the store is written, where all that is put stays what it is. */
const pure: Hints = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };
const writing: Hints = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false };

const path = z.string().describe("a path in the tree, with slashes; default: the tree itself");
const tree = oidShape.describe("the oid of a tree: from `import`, or `tree` of an earlier answer");
const worker = z.string().min(1).describe("a worker: a standard name, or an oid");
const resultShape = z.object({ kind: z.enum(["blob", "tree"]), oid: oidShape }).describe("what was computed");
const salt = z.string().describe("separates this call from what is remembered under another salt");

/** A tool whose `call` takes what its input's schema gives. */
function tool<Input extends z.ZodObject>(
  parts: Omit<Tool, "input" | "call"> & {
    readonly input: Input;
    readonly call: (calling: Calling, args: z.infer<Input>) => Promise<Answer>;
  },
): Tool {
  return parts;
}

const exec = tool({
  title: "Run a command",
  description:
    "Runs a command over a tree: a shell line (`command`, such as `grep -rn TODO src | sort | head`) or a program with its arguments (`argv`). It sees the tree as `/` and nothing else of the machine: no network, no clock of the machine, no files but these. Answered are stdout, stderr, the exit status, and as `tree` the tree that it left; the tree that was given stays what it was. Commands: ls cat head tail wc sort uniq cut tr cp mv mkdir rm touch find grep sed awk diff tar gzip jq and others like them; some know fewer options than GNU's.",
  input: z.strictObject({
    command: z.string().min(1).describe("a line, or a script, for the shell").optional(),
    argv: z.array(z.string()).min(1).describe("in place of command: the program's name and its arguments").optional(),
    tree: tree
      .describe("the tree that it sees as /: from `import`, or `tree` of an earlier answer; default: an empty one")
      .optional(),
    env: z.record(z.string(), z.string()).describe("variables beside PATH, HOME, PWD, LANG and TZ").optional(),
    stdin: z
      .union([
        z.string().describe("a text"),
        z.strictObject({ oid: oidShape }).describe("a blob, such as an earlier stdout"),
      ])
      .describe("what it reads from stdin; default: nothing")
      .optional(),
    cwd: z.string().describe("the folder of the tree that it starts in; default: /").optional(),
    salt: salt.optional(),
  }),
  output: z.object({
    ...commonShape,
    exit: z.int().describe("the exit status; another than 0 is an answer, too"),
    stdout: shownShape,
    stderr: shownShape,
  }),
  hints: pure,
  call: async (calling, { command, argv, tree: given, env = {}, stdin = "", cwd = "", salt: salted }) => {
    if ((command === undefined) === (argv === undefined)) throw new UsageError("exec wants a command, or an argv");
    const { engine, toolFolders, onProgress } = calling;
    const words = argv ?? ["sh", "-c", command as string];
    const root = given === undefined ? engine.putTree([]) : treeNamed(engine, given);
    const input = typeof stdin === "string" ? Buffer.from(stdin, "utf8") : objectNamed(engine, stdin.oid, "blob");
    const named = namedCommand(engine, toolFolders, {
      argv: words,
      in: root,
      cwd: posix.resolve("/", cwd),
      env,
      stdin: input,
    });
    const ran = await settled(named.run(runOptions(calling, salted)), onProgress);
    const said = named.resultOf(ran.outcome.oid);
    const [stdout, stderr] = [shownObject(engine, said.stdout), shownObject(engine, said.stderr)];
    const facts = { ...ranFacts(ran, null), tree: said.out, exit: said.exit, stdout, stderr };
    return { facts, texts: [stdout.text, stderr.text === "" ? "" : `stderr:\n${stderr.text}`] };
  },
});

const fold = tool({
  title: "Fold a tree",
  description:
    "Computes a value over a folder tree, bottom-up: the worker `post` is called at each file and folder with the results of what is in it. Standard workers: file-count, line-count, byte-count, language-stats. Every node is remembered, so after an edit only what changed is computed again.",
  input: z.strictObject({
    tree,
    post: worker.describe("the worker that is called at each node, after its children: a standard name, or an oid"),
    pre: worker.describe("the worker that chooses each node's children, such as dirs-only").optional(),
    salt: salt.optional(),
  }),
  output: z.object({ ...commonShape, result: resultShape, output: shownShape }),
  hints: pure,
  call: async (calling, { tree: given, post, pre, salt: salted }) => {
    const { engine, onProgress } = calling;
    const root = treeNamed(engine, given);
    const more = pre === undefined ? {} : { pre };
    const run = engine.fold({ in: root, post, ...more, ...runOptions(calling, salted) });
    return ranAnswer(engine, root, await settled(run, onProgress));
  },
});

const run = tool({
  title: "Run a worker",
  description:
    "Runs a worker, a sealed program that sees its arguments and nothing else, and shows its result. The same worker with the same arguments is answered from memory.",
  input: z.strictObject({
    worker,
    args: z
      .record(
        z.string(),
        z.union([
          z.string().describe("a text"),
          z.strictObject({ oid: oidShape }).describe("an object of the store"),
          z.strictObject({ tree, path: z.string() }).describe("what stands at a path in a tree"),
        ]),
      )
      .describe("the worker's arguments by name")
      .optional(),
    salt: salt.optional(),
  }),
  output: z.object({ ...commonShape, result: resultShape, output: shownShape }),
  hints: pure,
  call: async (calling, { worker: named, args = {}, salt: salted }) => {
    const { engine, onProgress } = calling;
    const given = Object.entries(args).map(([name, value]): [string, Arg] => {
      if (typeof value === "string") return [name, value];
      if ("oid" in value) return [name, { oid: objectNamed(engine, value.oid, "object") }];
      const place = placeIn(engine, treeNamed(engine, value.tree), value.path);
      if (place.mode === "160000") throw new UsageError(`${quoted(place.path)} is a submodule, which is no object`);
      return [name, { oid: place.oid }];
    });
    const running = engine.run({ worker: named, args: Object.fromEntries(given), ...runOptions(calling, salted) });
    return ranAnswer(engine, null, await settled(running, onProgress));
  },
});

const read = tool({
  title: "Read a file",
  description:
    "Shows a file of a tree (`tree` and `path`), or any blob by its oid (`blob`). Long texts are cut from the middle: name the lines that you want by `from` and `lines`, or bytes by `offset` and `bytes` where lines are very long.",
  input: z.strictObject({
    tree: tree.optional(),
    path: z.string().describe("the file's path in the tree").optional(),
    blob: oidShape.describe("in place of tree and path: a blob's oid, such as an earlier answer names").optional(),
    from: z.int().min(1).describe("the first line to show, from 1").optional(),
    lines: z.int().min(1).describe("how many lines to show").optional(),
    offset: z.int().min(0).describe("the first byte to show, from 0").optional(),
    bytes: z.int().min(1).describe("how many bytes to show").optional(),
  }),
  output: z.object({
    ...commonShape,
    mode: z
      .string()
      .nullable()
      .describe(
        "100644 a file, 100755 an executable one, 120000 a symlink (shown is where it leads); null for a blob by its oid",
      ),
    lines: z.int().describe("lines of all of it"),
    output: shownShape,
  }),
  hints: pure,
  call: async ({ engine }, args) => {
    const found = readable(engine, args);
    const { body } = engine.get(found.oid);
    const isByLines = args.from !== undefined || args.lines !== undefined;
    const isByBytes = args.offset !== undefined || args.bytes !== undefined;
    if (isByLines && isByBytes)
      throw new UsageError("read wants lines (from, lines) or bytes (offset, bytes), not both");
    const start = Math.min(args.offset ?? 0, body.length);
    const part = isByLines
      ? partOfLines(body, args.from ?? 1, args.lines ?? Number.MAX_SAFE_INTEGER)
      : { start, end: Math.min(start + (args.bytes ?? body.length), body.length) };
    const lines = lineCount(body);
    if (isByLines && part.start === body.length && (args.from ?? 1) > Math.max(lines, 1))
      throw new UsageError(`there is no line ${args.from}: there are ${lines}`);
    const output = showText(found.oid, body, part);
    const link = found.mode === "120000" ? [linkNote(engine, found, body)] : [];
    return { facts: { ...lookedAt(found.tree), mode: found.mode, lines, output }, texts: [...link, output.text] };
  },
});

const ls = tool({
  title: "List a folder",
  description:
    "Lists a folder of a tree: mode, kind, oid and path of each entry. `depth` says how many levels, 1 by default.",
  input: z.strictObject({
    tree,
    path: path.optional(),
    depth: z.int().min(1).max(listedDepthMax).describe("levels to go down; default: 1").optional(),
  }),
  output: z.object({
    ...commonShape,
    entries: z
      .array(z.object({ path: z.string(), mode: z.string(), kind: z.enum(["blob", "tree", "commit"]), oid: oidShape }))
      .describe("paths from the tree's root; kind commit is a submodule"),
    isWhole: z.boolean().describe("false: there are more entries than are listed"),
    output: shownShape,
  }),
  hints: pure,
  call: async ({ engine }, { tree: given, path: wanted = "", depth = 1 }) => {
    const root = treeNamed(engine, given);
    const place = placeIn(engine, root, wanted);
    if (place.mode !== "40000") throw new UsageError(`${quoted(place.path)} is ${wordOf(place.mode)}, not a folder`);
    const found = entriesBelow(engine, place.path, place.oid, depth);
    const entries = found.slice(0, listedEntriesMax);
    const isWhole = entries.length === found.length;
    const rest = isWhole
      ? ""
      : `[... more than ${listedEntriesMax} entries; list a folder in it, or fewer levels ...]\n`;
    const text = listing(
      { cids: false },
      entries.map((each) => ({ ...each, name: each.path })),
    );
    const output = shownNew(engine, text + rest);
    const shown = entries.map(({ path: name, mode, oid }) => ({ path: name, mode, kind: kindWord(mode), oid }));
    return { facts: { ...lookedAt(root), entries: shown, isWhole, output }, texts: [output.text] };
  },
});

const diff = tool({
  title: "Compare two trees",
  description:
    "Shows what differs between two trees, or at one path in both, as a unified diff that `git apply` takes. Binary files are named, not shown.",
  input: z.strictObject({
    from: tree.describe("the oid of the tree before"),
    to: tree.describe("the oid of the tree after"),
    path: path.optional(),
  }),
  output: z.object({
    ...commonShape,
    count: z.int().describe("how many paths differ"),
    changes: z
      .array(z.object({ status: z.enum(["added", "modified", "deleted", "typechange"]), path: z.string() }))
      .describe(`the first ${namedChangesMax} of them`),
    output: shownShape,
  }),
  hints: pure,
  call: async ({ engine, signal }, { from, to, path: wanted = "" }) => {
    const [before, after] = [treeNamed(engine, from), treeNamed(engine, to)];
    const [old, now] = placesIn(engine, before, after, wanted);
    const { text, changes, count } = await diffOf(engine, old, now, signal);
    const output = shownNew(engine, text);
    const facts = { ...lookedAt(after), count, changes: changes.slice(0, namedChangesMax), output };
    return { facts, texts: [count === 0 ? "no difference" : output.text] };
  },
});

const explain = tool({
  title: "Explain a request",
  description:
    "Says why a request ran, or was remembered: what changed since the earlier run that is most alike. With `path` it explains the jobs about that path in what the request folds.",
  input: z.strictObject({
    request: oidShape.describe("`request` of an earlier answer"),
    path: z.string().describe("a path in what the request folds").optional(),
  }),
  output: z.object({
    ...commonShape,
    jobs: z.array(
      z.object({
        request: oidShape,
        how: z.enum(["hit", "run", "unanswered", "quarantined", "unknown"]),
        why: z
          .string()
          .nullable()
          .describe("why it was executed, when it was: changed, new, other, first, unanswered, forgotten, again, lost"),
      }),
    ),
    output: shownShape,
  }),
  hints: pure,
  call: async ({ engine }, { request, path: about }) => {
    const name = objectNamed(engine, request, "tree");
    const found = about === undefined ? [name] : await engine.jobsAt(name, about);
    if (found.length === 0)
      throw new UsageError(`no job of request ${name} is known to have been about ${quoted(about ?? "")}`);
    const jobs = [];
    const texts: string[] = [];
    for (const job of found.slice(0, explainedJobsMax)) {
      const explanation = await engine.explain(job);
      jobs.push({ request: job, how: explanation.how, why: explanation.cause?.why ?? null });
      texts.push(explanationText({ cids: false }, explanation, Date.now()));
    }
    if (found.length > jobs.length) texts.push(`[... ${found.length - jobs.length} more jobs ...]\n`);
    const output = shownNew(engine, texts.join("\n"));
    return { facts: { ...lookedAt(null), request: name, jobs, output }, texts: [output.text] };
  },
});

const importing = tool({
  title: "Import files",
  description:
    "Begins: gives the oid of a tree that holds files of the user's folder as they are now (with git: all but what it ignores), or as a git revision has them. Pass that oid to the other tools. Nothing that they do changes the user's files.",
  input: z.strictObject({
    path: z
      .string()
      .describe("a path below the folder that the server may read; default: all of it. With revision: a path in that")
      .optional(),
    revision: z.string().min(1).describe("a git revision, such as HEAD or v1.2~3").optional(),
  }),
  output: z.object({ ...commonShape, result: resultShape }),
  hints: pure,
  call: async ({ engine, folders }, { path: wanted = "", revision }) => {
    if (revision?.includes(":") === true) throw new UsageError("a revision has no colon; name a path in it by `path`");
    const named = wanted === "" || wanted === "." ? "" : `:${wanted}`;
    const imported =
      revision === undefined
        ? await importedPath(engine, pathToRead(folders, wanted))
        : await importedRevision(engine, repositoryToRead(folders), `${revision}${named}`);
    const { kind, oid } = imported;
    const facts = { ...lookedAt(kind === "tree" ? oid : null), result: { kind, oid } };
    return { facts, texts: kind === "tree" ? imported.notes : [`a file: blob ${oid}`] };
  },
});

const checkout = tool({
  title: "Write a tree to a folder",
  description:
    "Writes a tree as files to a new or empty folder, below the folder that the server may write to. The only tool that changes the user's files; it never replaces any.",
  input: z.strictObject({
    tree,
    folder: z.string().min(1).describe("a path below the folder for checkouts; it must be empty or not there yet"),
  }),
  output: z.object({ ...commonShape, folder: z.string(), files: z.int(), folders: z.int() }),
  hints: writing,
  call: async ({ engine, folders }, { tree: given, folder }) => {
    const root = treeNamed(engine, given);
    const counts = await engine.checkout(root, folderToWrite(folders, folder));
    const text = `${counts.files} files, ${counts.folders} folders written to ${folder}`;
    return { facts: { ...lookedAt(root), folder, ...counts }, texts: [text] };
  },
});

/** By name, in the order in which clients list them. */
export const tools: Readonly<Record<string, Tool>> = {
  import: importing,
  exec,
  fold,
  run,
  read,
  ls,
  diff,
  explain,
  checkout,
};

/** A folder as it stands, as `coppice exec` sees it; a file as git stores it. */
async function importedPath(
  engine: Engine,
  place: string,
): Promise<{ readonly kind: "blob" | "tree"; readonly oid: Oid; readonly notes: string[] }> {
  if (!isFolder(place)) return { ...(await engine.borrowTree(place)), notes: [] };
  const imported = await engine.importFolder(place);
  return { kind: "tree", oid: imported.oid, notes: leftOutNotes(imported) };
}

async function importedRevision(engine: Engine, repository: string, rev: string) {
  const { kind, oid, submodules } = await engine.borrowTree(repository, rev);
  return { kind, oid, notes: submoduleNotes(submodules) };
}

function runOptions({ signal }: Calling, salted: string | undefined): RunOptions {
  return salted === undefined ? { signal } : { signal, salt: salted };
}

type Ran = Omit<RunResult, "outcome"> & { readonly outcome: { readonly kind: "blob" | "tree"; readonly oid: Oid } };

/** Facts of a run: its result is the tree to go on with if it is one, else that is the tree that was given. */
function ranFacts({ request, outcome, run: record, jobs }: Ran, given: Oid | null): Common {
  const next = outcome.kind === "tree" ? outcome.oid : given;
  return { request, tree: next, remembered: record === undefined, executed: jobs.executed, exit: null };
}

function ranAnswer(engine: Engine, given: Oid | null, ran: Ran): Answer {
  const { kind, oid } = ran.outcome;
  const output = shownObject(engine, oid);
  return { facts: { ...ranFacts(ran, given), result: { kind, oid }, output }, texts: [output.text, `${kind} ${oid}`] };
}

interface Readable {
  readonly tree: Oid | null;
  /** From the tree's root; empty for a blob by its oid. */
  readonly path: string;
  readonly oid: Oid;
  readonly mode: string | null;
}

function readable(
  engine: Engine,
  named: { readonly tree?: string | undefined; readonly path?: string | undefined; readonly blob?: string | undefined },
): Readable {
  const { tree: given, path: wanted, blob } = named;
  if (blob !== undefined) {
    if (given !== undefined || wanted !== undefined) throw new UsageError("read wants a blob, or a tree and a path");
    return { tree: null, path: "", oid: objectNamed(engine, blob, "blob"), mode: null };
  }
  if (given === undefined || wanted === undefined) throw new UsageError("read wants a tree and a path, or a blob");
  const root = treeNamed(engine, given);
  const place = placeIn(engine, root, wanted);
  if (place.mode === "40000") throw new UsageError(`${quoted(wanted)} is a folder; ls lists it`);
  if (place.mode === "160000") throw new UsageError(`${quoted(wanted)} is a submodule, at commit ${place.oid}`);
  return { tree: root, path: place.path, oid: place.oid, mode: place.mode };
}

/** Says that what is shown is no file's content, and where the link leads. */
function linkNote(engine: Engine, { tree: root, path: from }: Readable, body: Uint8Array): string {
  const target = posix.resolve("/", posix.dirname(from), Buffer.from(body).toString("utf8")).slice(1);
  try {
    const place = placeIn(engine, root as Oid, target);
    return `${quoted(from)} is a symlink to ${quoted(place.path)}, ${wordOf(place.mode)} of the tree; its text is:`;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return `${quoted(from)} is a symlink to ${quoted(target)}, which is not in the tree; its text is:`;
  }
}

interface Listed {
  readonly path: string;
  readonly mode: ReturnType<Engine["list"]>[number]["mode"];
  readonly oid: Oid;
}

/** Entries in the order of a walk, one more than are listed if there are more. */
function entriesBelow(engine: Engine, from: string, root: Oid, depth: number): readonly Listed[] {
  const found: Listed[] = [];
  const open = [{ path: from, mode: "40000" as Listed["mode"], oid: root, level: 0 }];
  for (let next = open.pop(); next !== undefined && found.length <= listedEntriesMax; next = open.pop()) {
    if (next.level > 0) found.push({ path: next.path, mode: next.mode, oid: next.oid });
    if (next.mode !== "40000" || next.level === depth) continue;
    const { path: above, level } = next;
    const below = engine.list(next.oid).map(({ name, mode, oid }) => ({
      path: above === "" ? name : `${above}/${name}`,
      mode,
      oid,
      level: level + 1,
    }));
    open.push(...below.slice(0, listedEntriesMax + 1).toReversed());
  }
  return found;
}

function kindWord(mode: Listed["mode"]): "blob" | "tree" | "commit" {
  if (mode === "40000") return "tree";
  return mode === "160000" ? "commit" : "blob";
}

/** Oids that a call's arguments name, wherever they stand. */
export function namesIn(value: unknown): readonly Oid[] {
  if (typeof value === "string") {
    const name = parseOid(value);
    return name === undefined ? [] : [name];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(namesIn);
}
