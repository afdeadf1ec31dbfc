/** The interpreter, which a script that is no plain pipeline (pipeline.ts) asks for: what it is made of is evaluated then, and not with the shell. */
export { Bash } from "just-bash";
