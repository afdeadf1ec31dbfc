/** Modules made byte by byte, for what the text format can't say. Layout: WebAssembly Core Specification 2.0, chapter 5. */

/** An unsigned LEB128 number. */
export function uleb(value: number): number[] {
  const low = value % 128;
  const rest = Math.floor(value / 128);
  return rest === 0 ? [low] : [low + 128, ...uleb(rest)];
}

/** Bytes behind their count. */
export function counted(bytes: Iterable<number>): number[] {
  const all = [...bytes];
  return [...uleb(all.length), ...all];
}

/** A name as the format has it. */
export function named(text: string): number[] {
  return counted(Buffer.from(text, "utf8"));
}

export const sections = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  export: 7,
  code: 10,
} as const;

/** A module of these sections, each given by its id and its body. */
export function moduleOf(...parts: readonly (readonly [id: number, body: Iterable<number>])[]): Uint8Array {
  const bodies = parts.map(([id, body]) => {
    const bytes = Uint8Array.from(body);
    return Buffer.concat([Uint8Array.of(id), Uint8Array.from(uleb(bytes.length)), bytes]);
  });
  return Uint8Array.from(Buffer.concat([Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), ...bodies]));
}

/** The sections of a module whose only function, `caos_run`, does nothing, and whose memory has a page; by id. */
export function idleGuest(): Map<number, number[]> {
  return new Map([
    [sections.type, [1, 0x60, 0, 0]],
    [sections.function, [1, 0]],
    [sections.memory, [1, 0, 1]],
    [sections.export, [2, ...named("memory"), 2, 0, ...named("caos_run"), 0, 0]],
    [sections.code, [1, 2, 0, 0x0b]],
  ]);
}
