import { expect, test } from "vitest";
import { errno, fault } from "../../../src/isolate-host/wasi/errno.ts";

test("error numbers are preview 1's: 0 to 76, in the order of their names in the witx", () => {
  expect(Object.values(errno)).toEqual(Array.from({ length: 77 }, (_, number) => number));
  const { badf, fault: fault_, inval, isdir, noent, nosys, notdir, spipe, xdev, notcapable } = errno;
  expect([badf, fault_, inval, isdir, noent, nosys, notdir, spipe, xdev, notcapable]).toEqual([
    8, 21, 28, 31, 44, 52, 54, 70, 75, 76,
  ]);
});

test("a fault is one object a number", () => {
  expect(fault(errno.noent)).toBe(fault(errno.noent));
  expect(fault(errno.noent)).not.toBe(fault(errno.io));
  expect(fault(errno.noent).errno).toBe(44);
});
