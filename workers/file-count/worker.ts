/**
 * Visitor: how many leaves there are, as digits and a newline. Files, symlinks and gitlinks count one each.
 * No file is read.
 */
import { isLeaf, outNumber, sum } from "../sdk/visit";

export function caos_run(): void {
  outNumber(isLeaf() ? 1 : sum());
}
