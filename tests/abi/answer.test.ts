/** The very bytes of answers: keys in the contract's order, no white space, one way to escape. */
import { expect, test } from "vitest";
import {
  blobAnswer,
  emptyAnswer,
  errorAnswer,
  hashAnswer,
  jobAnswer,
  outcomeAnswer,
  outcomesAnswer,
  treeAnswer,
} from "../../src/abi/answer.ts";
import { errorTexts } from "../../src/abi/error-texts.ts";
import { putRequest, putSurroundings } from "../../src/abi/request.ts";
import { emptyTree } from "../../src/store/object.ts";
import { oid } from "../../src/store/oid.ts";
import { failure } from "../../src/store/outcome.ts";
import { decodeName, type Mode } from "../../src/store/tree.ts";
import { MemoryObjects } from "./memory-objects.ts";

const hash = oid("1".repeat(40));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");

test("job: args, std, salt and the job's own request, all strings", () => {
  const objects = new MemoryObjects();
  const request = putRequest(objects, hash, emptyTree, putSurroundings(objects, undefined, 'a"\u2028'));
  expect(text(jobAnswer(request))).toBe(
    `{"args":"${emptyTree}","std":"","salt":"a\\"\u2028","stack":"${request.oid}"}`,
  );
  const within = putRequest(objects, hash, emptyTree, putSurroundings(objects, hash, ""));
  expect(text(jobAnswer(within))).toBe(`{"args":"${emptyTree}","std":"${hash}","salt":"","stack":"${within.oid}"}`);
});

test("tree: links and gitlinks are listed as blobs, modes as git writes them", () => {
  const modes: readonly Mode[] = ["40000", "100644", "100755", "120000", "160000"];
  const entries = modes.map((mode) => ({ mode, name: mode, oid: hash }));
  const item = (mode: Mode) =>
    `{"name":"${mode}","kind":"${mode === "40000" ? "tree" : "blob"}","hash":"${hash}","mode":"${mode}"}`;
  expect(text(treeAnswer(entries))).toBe(`{"entries":[${modes.map(item).join(",")}]}`);
  expect(text(treeAnswer([]))).toBe('{"entries":[]}');
});

test("tree: a name that is not UTF-8 makes the listing an error", () => {
  const entry = { mode: "100644", name: decodeName(Buffer.of(0x61, 0xff)), oid: hash } as const;
  expect(text(treeAnswer([entry]))).toBe(`{"error":"${errorTexts.nameNotUtf8}"}`);
});

test("escapes are JSON.stringify's: the short ones, lower-case \\u for other controls, nothing else", () => {
  expect(text(errorAnswer('"\\/\b\f\n\r\t\u0001\u001f\u007fé\u{1f600}'))).toBe(
    '{"error":"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u007fé\u{1f600}"}',
  );
});

test("get, put, out and log", () => {
  expect(text(blobAnswer(Buffer.of(0, 0xff, 0xfe)))).toBe('{"bytes_b64":"AP/+"}');
  expect(text(blobAnswer(Buffer.from("abcd").subarray(1, 2)))).toBe('{"bytes_b64":"Yg=="}');
  expect(text(blobAnswer(new Uint8Array()))).toBe('{"bytes_b64":""}');
  expect(text(hashAnswer(hash))).toBe(`{"hash":"${hash}"}`);
  expect(text(emptyAnswer)).toBe("{}");
});

test("run and run_many: each item its kind and hash, or its error, in the order of the requests", () => {
  const blob = { kind: "blob", oid: hash } as const;
  expect(text(outcomeAnswer(blob))).toBe(`{"kind":"blob","hash":"${hash}"}`);
  expect(text(outcomeAnswer(failure("trap", "why")))).toBe('{"error":"why"}');
  expect(text(outcomesAnswer([failure("exit", ""), { ...blob, kind: "tree" }]))).toBe(
    `{"results":[{"error":""},{"kind":"tree","hash":"${hash}"}]}`,
  );
  expect(text(outcomesAnswer([]))).toBe('{"results":[]}');
});
