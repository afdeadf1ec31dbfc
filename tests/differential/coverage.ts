/** In how many of the modules from a seed on an opcode stands. */
import { generateModule } from "./modules.ts";

/** By opcode, numbered as the engine does. */
export function coverage(firstSeed: number, count: number): ReadonlyMap<number, number> {
  const modules = new Map<number, number>();
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    for (const opcode of generateModule(seed).opcodes) modules.set(opcode, (modules.get(opcode) ?? 0) + 1);
  }
  return modules;
}
