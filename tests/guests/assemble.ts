/** WebAssembly text to modules, with the proposals that guests of today's toolchains use. */
import wabt from "wabt";

const toolkit = await wabt();

/** Proposals beyond those that wabt takes by default. */
export type Proposal = "exceptions" | "memory64" | "relaxed_simd" | "tail_call" | "threads";

/** The module that a text spells, with a name section. Throws wabt's own words on a text that is no module. */
export function assemble(text: string, ...proposals: readonly Proposal[]): Uint8Array {
  const features = Object.fromEntries(proposals.map((each) => [each, true]));
  const module = toolkit.parseWat("guest.wat", text, features);
  try {
    return Uint8Array.from(module.toBinary({ write_debug_names: true }).buffer);
  } finally {
    module.destroy();
  }
}

/** Bytes as the inside of a text-format string. */
export function quoted(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
}

/** What every hand-written guest starts with: both functions of the ABI. */
export const abiImports = `
  (import "caos_abi_v1" "call" (func $call (param i32 i32) (result i32)))
  (import "caos_abi_v1" "read" (func $read (param i32)))`;

/** A guest whose `caos_run` holds these instructions, with one page of memory. */
export function guest(body: string, ...proposals: readonly Proposal[]): Uint8Array {
  return assemble(
    `(module ${abiImports} (memory (export "memory") 1) (func $main (export "caos_run") ${body}))`,
    ...proposals,
  );
}
