import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { oid } from "../../src/store/oid.ts";
import type { Outcome } from "../../src/store/outcome.ts";
import type { Mode } from "../../src/store/tree.ts";
import { createModelHost, type ModelHost } from "./model-host.ts";
import { standardLibrary, testGuest } from "./standard-library.ts";

let host: ModelHost;
beforeAll(async () => {
  host = createModelHost({ std: { ...(await standardLibrary()), probe: await testGuest("probe") } });
});

/** What the probe makes of a blob. */
function probe(what: string, content: string | Uint8Array): Outcome {
  return probeObject(what, "100644", host.putBlob(content));
}
function probeObject(what: string, mode: Mode, name: ReturnType<typeof oid>): Outcome {
  const args = host.putTree([
    { mode: "100644", name: "do", oid: host.putBlob(what) },
    { mode, name: "in", oid: name },
  ]);
  return host.settle(host.request("/cas/std/probe", args));
}
function said(outcome: Outcome): string {
  if (outcome.kind === "failed") return `failed: ${outcome.message}`;
  return Buffer.from(host.objects.get(outcome.oid)?.body ?? []).toString("utf8");
}

const anyText = fc.string({ unit: "binary" });

describe("blobs", () => {
  test("bytes go through base64 and back, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (content) => {
        expect(probe("bytes", content)).toEqual({ kind: "blob", oid: host.putBlob(content) });
        expect(said(probe("size", content))).toBe(String(content.length));
      }),
    );
  });

  test("a blob of some megabytes goes through", () => {
    const content = Buffer.alloc(3_000_001, "abcdefg\0\xff", "latin1");
    expect(probe("bytes", content)).toEqual({ kind: "blob", oid: host.putBlob(content) });
  });

  test("text is UTF-8 and back", () => {
    fc.assert(
      fc.property(anyText, (content) => {
        expect(said(probe("text", content))).toBe(content);
      }),
    );
  });

  test.each([
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong NUL of three bytes", [0xe0, 0x80, 0x80]],
    ["an overlong sequence of four bytes", [0xf0, 0x8f, 0xbf, 0xbf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a point beyond the last one", [0xf4, 0x90, 0x80, 0x80]],
    ["a lead byte that there is not", [0xf5, 0x80, 0x80, 0x80]],
    ["a sequence cut short", [0x61, 0xe2, 0x82]],
    ["a sequence broken off", [0xe2, 0x28, 0xa1]],
  ])("%s is not text", (_, content) => {
    const blob = Uint8Array.from(content);
    expect(said(probe("text", blob))).toBe(`failed: not UTF-8: ${host.putBlob(blob)}`);
  });
});

describe("JSON", () => {
  test("a string is read and written as itself", () => {
    fc.assert(
      fc.property(anyText, (content) => {
        expect(JSON.parse(said(probe("json-string", JSON.stringify(content))))).toBe(content);
      }),
    );
  });

  test.each([
    [String.raw`"\"\\\/\b\f\n\r\t"`, '"\\/\b\f\n\r\t'],
    [String.raw`"\u0041\u00e4\u20ac\uD83D\uDE00\ud83d\ude00"`, "Aä€😀😀"],
    [String.raw`"\u0000\u001f\u007f"`, "\0\u001f\u007f"],
    [String.raw`"\ud83d"`, "\ufffd"],
    [String.raw`"\ude00\ud83d"`, "\ufffd\ufffd"],
    [String.raw`"\ud83dx\u0041"`, "\ufffdxA"],
    [String.raw`"\ud83d\u0041"`, "\ufffdA"],
    [String.raw`"\ud83d\ud83d\ude00"`, "\ufffd😀"],
    [String.raw`"\ud83d\n"`, "\ufffd\n"],
    [' \n\r\t"" ', ""],
    ['"\u2028\u007f"', "\u2028\u007f"],
  ])("%s is read", (json, meant) => {
    expect(JSON.parse(said(probe("json-string", json)))).toBe(meant);
  });

  test.each([
    ["json-string", ""],
    ["json-string", '"'],
    ["json-string", '"a'],
    ["json-string", "'a'"],
    ["json-string", '"a\nb"'],
    ["json-string", '"a\\n\nb"'],
    ["json-string", String.raw`"\x"`],
    ["json-string", String.raw`"\u12"`],
    ["json-string", String.raw`"\u12g4"`],
    ["json-string", String.raw`"\u123`],
    ["json-string", String.raw`"\ud83d\u`],
    ["json-string", '"\\'],
    ["json-string", '"a" b'],
    ["json-number", "-1"],
    ["json-number", "01"],
    ["json-number", "1.5"],
    ["json-number", "1e3"],
    ["json-number", "18446744073709551616"],
    ["json-number", ""],
    ["json-skip", ""],
    ["json-skip", "{"],
    ["json-skip", "[1,"],
    ["json-skip", "nul"],
    ["json-skip", "nulk"],
    ["json-skip", "}"],
    ["json-skip", "x"],
    ["json-base64", '"QQ"'],
    ["json-base64", '"QQ="'],
    ["json-base64", '"Q==="'],
    ["json-base64", '"===="'],
    ["json-base64", '"QR=="'],
    ["json-base64", '"QUJ="'],
    ["json-base64", '"QQ==QUJD"'],
    ["json-base64", '"QUJ-"'],
    ["json-base64", '"QUJ{"'],
    ["json-base64", '"QU D"'],
  ])("%s refuses %s", (what, json) => {
    expect(said(probe(what, json))).toMatch(/^failed: malformed JSON/);
  });

  test("numbers are whole ones up to 64 bits", () => {
    for (const number of ["0", "7", "10", "9007199254740993", "18446744073709551615"]) {
      expect(said(probe("json-number", number))).toBe(number);
    }
  });

  test("base64 is read and written, with escapes too", () => {
    for (const json of ['""', '"QQ=="', '"QUI="', '"QUJD"', '"//+/"'])
      expect(said(probe("json-base64", json))).toBe(json);
    expect(said(probe("json-base64", String.raw`"\/\u002f+/"`))).toBe('"//+/"');
  });

  test("any value is passed over", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 2), (json, indent) => {
        expect(said(probe("json-skip", JSON.stringify(JSON.parse(json), null, indent)))).toBe("skipped");
      }),
    );
  });
});

describe("trees", () => {
  test("a tree is stored as it was read, modes and all", () => {
    const leaf = host.putBlob("x");
    const whole = host.putTree([
      { mode: "100644", name: "a", oid: leaf },
      { mode: "100755", name: 'b "\\\n', oid: leaf },
      { mode: "120000", name: "ü", oid: leaf },
      { mode: "160000", name: "😀", oid: oid("2".repeat(40)) },
      { mode: "40000", name: "z", oid: host.putTree([]) },
    ]);
    expect(probeObject("tree", "40000", whole)).toEqual({ kind: "tree", oid: whole });
    expect(said(probeObject("modes", "40000", whole))).toBe("file executable folder symlink gitlink ");
  });

  test("the host's refusal ends the job with its text", () => {
    expect(said(probe("tree", "x"))).toBe("failed: the object is not a tree");
    expect(said(probeObject("bytes", "40000", host.putTree([])))).toBe("failed: the object is not a blob");
  });
});

describe("ends", () => {
  test("fail says why", () => {
    expect(said(probe("fail", 'it\'s "so"\n😀'))).toBe('failed: it\'s "so"\n😀');
  });

  test("a thrown error says what and where", () => {
    expect(said(probe("throw", "oh"))).toMatch(/^failed: oh \(test-guests\/probe\.ts:\d+\)$/);
    expect(said(probe("index", "x"))).toMatch(/^failed: Index out of range \(~lib\/array\.ts:\d+\)$/);
  });

  test("a logged line is no part of the result", () => {
    expect(said(probe("log", "line"))).toBe("line");
    expect(host.lines).toContain("line");
  });
});

describe("nested requests", () => {
  test("what is wrong with one comes back as an answer", () => {
    expect(said(probe("run", "nonsense"))).toBe("told: the image is neither an oid nor a name in std");
    expect(said(probe("run", "/cas/std/probe"))).toBe("told: argument do is missing");
  });

  test("of many each has its own answer", () => {
    expect(said(probe("many", "/cas/std/dirs-only"))).toBe("argument do is missing, ok");
  });

  test("a malformed one among many ends the job", () => {
    expect(said(probe("many", "/cas/std/nobody"))).toBe("failed: std has no worker of that name");
  });

  test("none asks nothing", () => {
    expect(said(probe("none", ""))).toBe("0");
    expect(host.calls).not.toContain('{"op":"run_many","reqs":[]}');
  });
});
