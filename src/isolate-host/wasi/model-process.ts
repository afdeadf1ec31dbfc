/**
 * A process that is kept for V8's sake. V8 knows a kind of object, and keeps the code that it compiled for it, for as long as one of the kind lives when it collects the whole heap. Between two commands nothing of a command lives, so after each
 * such collection the calls of preview 1 would begin in the interpreter again (design/hot-path.md). This one has one of each kind that they work on.
 */
import { RandomStream, VirtualClock } from "../../abi/virtual.ts";
import type { GitObject } from "../../store/object.ts";
import type { Oid } from "../../store/oid.ts";
import { encodeTree } from "../../store/tree.ts";
import { errno } from "./errno.ts";
import { Files } from "./files.ts";
import { rights } from "./functions.ts";
import { preview1 } from "./preview1.ts";
import { Process } from "./process.ts";
import { Input } from "./streams.ts";

const [rootName, fileName, folderName, linkName] = ["1", "2", "3", "4"].map((digit) => digit.repeat(40)) as [
  Oid,
  Oid,
  Oid,
  Oid,
];
const contents = Buffer.from("file");
const objects: ReadonlyMap<Oid, GitObject> = new Map<Oid, GitObject>([
  [fileName, { kind: "blob", body: contents }],
  [linkName, { kind: "blob", body: contents }],
  [folderName, { kind: "tree", body: encodeTree([{ mode: "100644", name: "below", oid: fileName }]) }],
  [
    rootName,
    {
      kind: "tree",
      body: encodeTree([
        { mode: "100644", name: "file", oid: fileName },
        { mode: "40000", name: "folder", oid: folderName },
        { mode: "120000", name: "link", oid: linkName },
      ]),
    },
  ],
]);
const everyRight = Object.values(rights).reduce((all, each) => all | each, 0n);

/** Where its calls have what they take and give in its memory. */
const [answerAt, vectorAt, pathAt, bufferAt, bufferBytes, memoryBytes] = [0, 8, 16, 256, 256, 512] as const;
const rootFd = 3;
const openFlags = { none: 0, create: 1, folder: 2 } as const;

/** Makes it: a file that it has read, one that it has written, a folder that it lists, a device, its streams. */
export function modelProcess(): Process {
  const clock = new VirtualClock();
  const get = (name: Oid) => objects.get(name) as GitObject;
  const process = new Process({
    argv: Buffer.from("model\0"),
    variables: Buffer.alloc(0),
    stdin: new Input(() => contents),
    files: (bounds) =>
      new Files(
        { get, put: () => fileName, sizeOf: (name) => get(name).body.length },
        rootName,
        bounds,
        () => clock.at("realtime"),
        ["dev"],
      ),
    cwd: ({ root }) => root,
    clock,
    random: new RandomStream(rootName),
    fileBytesMax: 1 << 20,
    entriesMax: 16,
    onWrite: undefined,
  });
  // No memory of a guest's: that takes gigabytes of addresses.
  const memory = { buffer: new ArrayBuffer(memoryBytes) };
  process.memory.attach(memory);
  const call = (name: keyof typeof preview1, ...args: readonly (number | bigint)[]): void => {
    const serve = preview1[name] as (process: Process, ...args: readonly (number | bigint)[]) => number;
    if (serve(process, ...args) !== errno.success) throw new Error(`${name} of the model process failed`);
  };
  const path = (text: string): [at: number, length: number] => [
    pathAt,
    Buffer.from(memory.buffer).write(text, pathAt, "latin1"),
  ];
  const open = (text: string, how: number, own: bigint): number => {
    call("path_open", rootFd, 1, ...path(text), how, own, everyRight, 0, answerAt);
    return process.memory.u32(answerAt);
  };
  process.memory.setU32(vectorAt, bufferAt);
  process.memory.setU32(vectorAt + 4, bufferBytes);
  const read = open("link", openFlags.none, rights.fdRead | rights.fdSeek);
  call("fd_filestat_get", read, bufferAt);
  for (const fd of [0, read]) call("fd_read", fd, vectorAt, 1, answerAt);
  const written = open("new", openFlags.create, everyRight);
  for (const fd of [1, 2, written]) call("fd_write", fd, vectorAt, 1, answerAt);
  const folder = open("folder", openFlags.folder, rights.fdReaddir);
  call("fd_readdir", folder, bufferAt, bufferBytes, 0n, answerAt);
  call("path_readlink", rootFd, ...path("link"), bufferAt, bufferBytes, answerAt);
  open("dev/null", openFlags.none, rights.fdRead);
  return process;
}
