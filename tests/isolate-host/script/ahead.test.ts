/** Jobs that a script child is sent before they are asked for: nothing of them is seen unless they are, and then they are what they would have been. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScriptChild, ScriptChildDied, type ScriptJob } from "../../../src/isolate-host/script/script-child.ts";
import { hashObject } from "../../../src/store/object.ts";
import { endText, jobOf, MemoryFrame } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

let child: ScriptChild;
const heard: boolean[] = [];
beforeAll(() => {
  child = new OwnChild({ heapMb: 128 }, (isHearing) => heard.push(isHearing));
});
afterAll(() => child.close());

/** Does what its argument `do` says. */
const module = `"use strict"; exports.default = async (job) => {
  const text = job.text(job.args.do);
  job.log(text);
  switch (text[0]) {
    case "w": return (await job.run("somebody")).oid;
    case "e": { const deeper = () => deeper(); return deeper(); }
    case "f": throw new Error(text);
    case "p": return job.putTree({ a: job.putBlob(text), b: job.putBlob(text.repeat(20_000)) });
    case "s": for (;;);
    default: return text;
  }
};`;
const askingJobs = (frame: MemoryFrame, ...texts: readonly string[]) =>
  texts.map((text) => jobOf(frame, module, { do: text }));
/** With their arguments at hand, so that they run to their end without asking. */
const jobs = (frame: MemoryFrame, ...texts: readonly string[]) =>
  askingJobs(frame, ...texts).map((job, at): ScriptJob => {
    const bytes = Buffer.from(texts[at] as string);
    return { ...job, near: [{ oid: hashObject("blob", bytes), kind: "blob", bytes }] };
  });

/** Asks for a job, and sends others ahead. */
function ask(job: ScriptJob, frame: MemoryFrame, ahead: readonly ScriptJob[] = [], on = child) {
  const number = on.takeUp(job.request.oid);
  const started = number ?? on.start(job);
  on.sendAhead(ahead);
  return { wasAhead: number !== undefined, job: started, turn: on.turn(started, frame) };
}

test("jobs ahead come to what they would have come to, and do on their frames what they would have done", () => {
  const frame = new MemoryFrame();
  const [first, ...others] = jobs(frame, "1", "2", "put", "f3", "4");
  const ends = [endText(ask(first as ScriptJob, frame, others).turn)];
  expect(frame.lines).toEqual(["1"]);
  for (const each of others) {
    const own = new MemoryFrame();
    for (const [name, object] of frame.objects) own.objects.set(name, object);
    const asked = ask(each, own);
    expect(asked.wasAhead).toBe(true);
    ends.push(endText(asked.turn));
    expect(own.lines).toHaveLength(1);
    frame.lines.push(...own.lines);
  }
  const alone = new MemoryFrame();
  expect(ends).toEqual(jobs(alone, "1", "2", "put", "f3", "4").map((each) => endText(child.run(each, alone).turn)));
  expect(frame.lines).toEqual(alone.lines);
  expect(child.ahead).toEqual([]);
});

test("a job asks for what it needs while others stand behind it", () => {
  const frame = new MemoryFrame();
  const large = "x".repeat(300_000);
  const [first, second, third] = askingJobs(frame, large, "2", `${large}3`) as [ScriptJob, ScriptJob, ScriptJob];
  expect(endText(ask(first, frame, [second, third]).turn)).toBe(large);
  expect(endText(ask(second, frame).turn)).toBe("2");
  expect(endText(ask(third, frame).turn)).toBe(`${large}3`);
});

test("those that are passed over leave no trace, and are heard out before anything else is", () => {
  const frame = new MemoryFrame();
  const [first, second, third, fourth, other] = jobs(frame, "1", "p2", "3", "p4", "5") as ScriptJob[] & {
    length: 5;
  };
  ask(first as ScriptJob, frame, [second, third, fourth] as ScriptJob[]);
  const before = frame.objects.size;
  heard.length = 0;
  expect(ask(third as ScriptJob, frame)).toMatchObject({ wasAhead: true });
  expect(heard).toEqual([true, false]);
  expect(ask(other as ScriptJob, frame)).toMatchObject({ wasAhead: false });
  expect(heard).toEqual([true, false, true, false]);
  expect(frame.lines).toEqual(["1", "3", "5"]);
  expect(frame.objects.size).toBe(before);
  // Asked for later, it is a job like any other.
  expect(ask(second as ScriptJob, frame)).toMatchObject({ wasAhead: false, turn: { how: "completed" } });
});

test.each(["wait", "e"])(
  "behind a job that is not done (%s) nothing is ahead any more, asked for or passed over",
  (text) => {
    for (const isAsked of [true, false]) {
      const frame = new MemoryFrame();
      const [first, second, third] = jobs(frame, "1", text, "3") as [ScriptJob, ScriptJob, ScriptJob];
      ask(first, frame, [second, third]);
      if (isAsked) expect(["waits", "exhausted"]).toContain(ask(second, frame).turn.how);
      expect(ask(third, frame)).toMatchObject({ wasAhead: false, turn: { how: "returned" } });
    }
  },
);

test("what is too much for a pipe is not sent ahead, nor what would follow it", () => {
  const frame = new MemoryFrame();
  const [first, second, third, fourth] = jobs(frame, "1", "2", "3", "4") as ScriptJob[] & { length: 4 };
  const near = [{ oid: (third as ScriptJob).module, kind: "blob", bytes: new Uint8Array(20_000) }] as const;
  ask(first as ScriptJob, frame, [second as ScriptJob, { ...(third as ScriptJob), near }, fourth as ScriptJob]);
  expect(child.ahead).toEqual([(second as ScriptJob).request.oid]);
  expect(ask(second as ScriptJob, frame).wasAhead).toBe(true);
});

test("one that never ends is waited for under another name than that of the job that is asked for", () => {
  const frame = new MemoryFrame();
  let isHearing = false;
  const doomed = new OwnChild({ heapMb: 128, turnMs: 2000 }, (hears) => (isHearing = hears || isHearing));
  const [first, endless, third] = jobs(frame, "1", "spin", "3") as [ScriptJob, ScriptJob, ScriptJob];
  ask(first, frame, [endless, third], doomed);
  expect(isHearing).toBe(false);
  expect(() => ask(third, frame, [], doomed)).toThrow(ScriptChildDied);
  expect(isHearing).toBe(true);
  expect(frame.lines).toEqual(["1"]);
});

test("a job ahead that ends its process has not hurt the one before it", () => {
  const frame = new MemoryFrame();
  const doomed = new OwnChild({ heapMb: 128, turnMs: 2000 });
  const [first, endless] = jobs(frame, "1", "spin") as [ScriptJob, ScriptJob];
  expect(endText(ask(first, frame, [endless], doomed).turn)).toBe("1");
  expect(() => ask(endless, frame, [], doomed)).toThrow(ScriptChildDied);
});
