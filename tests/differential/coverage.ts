/** Which of the instructions that a guest may have the generated modules have. */
import { generateModule } from "./modules.ts";
import { plainInstructions } from "./plain-instructions.ts";

/** Accepted opcodes and their names. */
export const namesOfInstructions: ReadonlyMap<number, string> = new Map(
  plainInstructions.map(({ opcode }) => [opcode, opcode.toString(16)]),
);

/** In how many of the modules from a seed on an opcode stands. */
export function coverage(firstSeed: number, count: number): ReadonlyMap<number, number> {
  const modules = new Map<number, number>();
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    for (const opcode of generateModule(seed).opcodes) modules.set(opcode, (modules.get(opcode) ?? 0) + 1);
  }
  return modules;
}
