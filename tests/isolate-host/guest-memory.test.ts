/** How requests and answers cross a guest's memory: pointers, lengths, and what an answer outlives. */
import { expect, test } from "vitest";
import { sharedRoom } from "../guests/room.ts";
import { json, type Step } from "../guests/script.ts";

const room = sharedRoom();

const outside = '{"error":"the request does not lie inside the guest\'s memory"}';
const notJson = '{"error":"the request is not JSON"}';
const logged = json({ op: "log", msg: "m" });
const at = (ptr: string, len: string): Step => ({ wat: `(call $ask ${ptr} ${len})` });
const end = "(call $page_end)";
const number = (value: number) => `(i32.const ${value})`;
/** Writes a request to the front of page 0 or wherever, byte by byte. */
const store = (text: string, ptr: string): Step => ({
  wat: Array.from(
    Buffer.from(text),
    (byte, offset) => `(i32.store8 (i32.add ${ptr} (i32.const ${offset})) (i32.const ${byte}))`,
  ).join("\n"),
});
const noteMemory = (ptr: string, len: number): Step => ({
  wat: `(call $note ${ptr} (i32.const ${len})) (call $line)`,
});

test("a request that lies outside of memory, or partly so, is an error", async () => {
  const places: readonly (readonly [string, string])[] = [
    [end, number(1)],
    [`(i32.sub ${end} (i32.const 1))`, number(2)],
    [`(i32.add ${end} (i32.const 1))`, number(0)],
    [number(0), `(i32.add ${end} (i32.const 1))`],
    [number(-1), number(1)],
    [number(-1), number(0)],
    [number(1), number(-1)],
    [number(-1), number(-1)],
    [number(0x8000_0000), number(0x8000_0000)],
    [number(0xffff_fff0), number(0x20)],
    [number(-16), number(24)],
  ];
  const answers = await room.answers(places.map(([ptr, len]) => at(ptr, len)));
  expect(answers).toEqual(places.map(() => outside));
});

test("an empty request is not JSON, wherever in memory it stands", async () => {
  expect(await room.answers([at(number(0), number(0)), at(number(77), number(0)), at(end, number(0))])).toEqual([
    notJson,
    notJson,
    notJson,
  ]);
});

test("a request may end with the last byte of memory, and may fill all of it", async () => {
  const start = `(i32.sub ${end} (i32.const ${logged.length}))`;
  const answers = await room.answers([store(logged, start), at(start, number(logged.length)), at(number(0), end)]);
  expect(answers).toEqual(["{}", notJson]);
});

test("a request in pages that the guest has grown is read there", async () => {
  const start = `(i32.sub ${end} (i32.const ${logged.length}))`;
  const answers = await room.answers([
    at(`(i32.add ${end} (i32.const 8))`, number(logged.length)),
    { wat: "(drop (memory.grow (i32.const 1)))" },
    store(logged, start),
    at(start, number(logged.length)),
  ]);
  expect(answers).toEqual([outside, "{}"]);
});

test("an answer is kept until the next call and can be read again and again", async () => {
  const answers = await room.answers([
    store(logged, number(0)),
    { wat: `(drop (call $call (i32.const 0) (i32.const ${logged.length})))` },
    { wat: "(call $read (i32.const 512))" },
    { wat: "(call $read (i32.const 600))" },
    { wat: "(call $read (i32.const 600))" },
    noteMemory(number(512), 3),
    noteMemory(number(600), 3),
    { wat: "(drop (call $call (i32.const 0) (i32.const 1))) (call $read (i32.const 512))" },
    noteMemory(number(512), notJson.length),
  ]);
  expect(answers).toEqual(["{}\0", "{}\0", notJson]);
});

test("reading past the end of memory writes nothing, and the answer can still be read elsewhere", async () => {
  const answers = await room.answers([
    store(logged, number(0)),
    { wat: `(drop (call $call (i32.const 0) (i32.const ${logged.length})))` },
    store("#", `(i32.sub ${end} (i32.const 1))`),
    { wat: `(call $read (i32.sub ${end} (i32.const 1)))` },
    { wat: `(call $read ${end})` },
    { wat: "(call $read (i32.const -1))" },
    { wat: "(call $read (i32.const -2147483648))" },
    noteMemory(`(i32.sub ${end} (i32.const 1))`, 1),
    { wat: `(call $read (i32.sub ${end} (i32.const 2)))` },
    noteMemory(`(i32.sub ${end} (i32.const 2))`, 2),
  ]);
  expect(answers).toEqual(["#", "{}"]);
});

test("reading before the first call writes nothing", async () => {
  const answers = await room.answers([
    store("####", number(0)),
    { wat: `(call $read (i32.const 0)) (call $read ${end}) (call $read (i32.const -1))` },
    noteMemory(number(0), 4),
  ]);
  expect(answers).toEqual(["####"]);
});

test("an answer is read into memory that grew after the call", async () => {
  const answers = await room.answers([
    store(logged, number(0)),
    { wat: `(drop (call $call (i32.const 0) (i32.const ${logged.length}))) (drop (memory.grow (i32.const 1)))` },
    { wat: `(call $read (i32.sub ${end} (i32.const 2)))` },
    noteMemory(`(i32.sub ${end} (i32.const 2))`, 2),
  ]);
  expect(answers).toEqual(["{}"]);
});

test("an answer may overwrite the request that asked for it", async () => {
  const answers = await room.answers([
    store(logged, number(0)),
    { wat: `(drop (call $call (i32.const 0) (i32.const ${logged.length}))) (call $read (i32.const 0))` },
    noteMemory(number(0), logged.length),
  ]);
  expect(answers).toEqual([`{}${logged.slice(2)}`]);
});

test("the start function has no memory to call with yet; its answer is kept for caos_run", async () => {
  const answers = await room.answers(
    [{ wat: "(call $take (global.get $answered))" }, { wat: "(call $note_number (global.get $answered))" }],
    {
      fields: `(global $answered (mut i32) (i32.const 0))
        (func $early
          (global.set $answered (call $call (i32.const 0) (i32.const 0)))
          (call $read (i32.const 0)))
        (start $early)`,
    },
  );
  expect(answers).toEqual([outside, outside.length.toString(16).padStart(8, "0")]);
});

test("what a guest does to its memory between call and read does not touch the kept answer", async () => {
  const job = json({ op: "job" });
  const [first, second] = await room.answers(
    [
      store(job, number(0)),
      at(number(0), number(job.length)),
      { wat: `(global.set $len (call $call (i32.const 0) (i32.const ${job.length})))` },
      { wat: "(memory.fill (i32.const 0) (i32.const 35) (i32.const 4096)) (call $take (global.get $len))" },
    ],
    { fields: "(global $len (mut i32) (i32.const 0))" },
  );
  expect(second).toBe(first);
});
