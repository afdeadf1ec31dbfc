import { expect, test } from "vitest";
import { errorNumber, errorNumbers, errorText } from "../../src/abi/error-numbers.ts";
import { errorTexts } from "../../src/abi/error-texts.ts";

test("every error has a number of its own, and none ever another: guests hold them", () => {
  const listed = Object.entries(errorNumbers).map(([name, number]) => `${number} ${name}: ${errorText(number)}`);
  expect(listed).toMatchInlineSnapshot(`
    [
      "-1 outOfMemory: the request does not lie inside the guest's memory",
      "-2 tooLong: the request is too long",
      "-3 notUtf8: the request is not UTF-8",
      "-4 notJson: the request is not JSON",
      "-5 tooDeep: the request is nested too deep",
      "-6 notAnObject: the request is not a JSON object",
      "-7 unknownOp: unknown op",
      "-8 badOp: op is missing or not a string",
      "-9 badHash: hash is missing or not a string",
      "-10 malformedOid: malformed oid",
      "-11 badBytes: bytes_b64 is missing or not a string",
      "-12 malformedBase64: malformed base64",
      "-13 badMsg: msg is missing or not a string",
      "-14 badKind: kind is missing or not blob or tree",
      "-15 badEntries: entries is missing or not a list",
      "-16 badEntry: an entry is not an object",
      "-17 badName: name is missing or not a string",
      "-18 badMode: mode is not a git mode",
      "-19 badImage: image is missing or not a string",
      "-20 badArgs: args is missing or not a string",
      "-21 badReqs: reqs is missing or not a list",
      "-22 badReq: an item of reqs is not an object",
      "-23 tooMany: too many requests in one call",
      "-24 notABlob: the object is not a blob",
      "-25 notATree: the object is not a tree",
      "-26 malformedTree: the tree is malformed",
      "-27 nameNotUtf8: the tree has a name that is not UTF-8",
      "-28 reservedName: a name is empty, reserved, or has a slash or NUL",
      "-29 duplicateName: a name stands twice",
      "-30 wrongKind: the object is of another kind",
      "-31 tooLarge: the object is too large",
      "-32 argsNotATree: args is not a tree",
      "-33 notAnImage: the image is neither an oid nor a name in std",
      "-34 noSuchWorker: std has no worker of that name",
      "-35 notAWorker: the image is not a worker",
      "-36 curriedTooDeep: the worker is curried too deep",
      "-37 outTwice: out was called twice",
    ]
  `);
});

test("numbers and texts stand for each other", () => {
  expect(Object.keys(errorNumbers).toSorted()).toEqual(Object.keys(errorTexts).toSorted());
  for (const text of Object.values(errorTexts)) expect(errorText(errorNumber(text))).toBe(text);
  for (const none of [0, 1, -1000, 0x7fff_ffff]) expect(errorText(none)).toBeUndefined();
});
