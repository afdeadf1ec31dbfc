/**
 * What ran in the background, and when. It runs at once and to its end, but `sleep` has a clock of the shell's own: each shell's stands where its sleeps have led it, a job's goes on from where it was started, and `wait` leads the
 * shell to where the job ended. So a job that sleeps before it signals its shell does so when the shell has slept or waited as long, and not at all if it is killed before.
 */
import type { Ended } from "./call.ts";

export interface BackgroundJob {
  readonly pid: number;
  /** What `%` names it by. */
  readonly number: number;
  status: number;
  /** Seconds of the shell's clock. */
  endsAt: number;
  /** Until it is waited for or disowned. */
  isListed: boolean;
}

export interface JobState {
  coppiceJobs?: Map<number, BackgroundJob>;
  /** Those of them that are listed or were, by number. */
  coppiceListed?: BackgroundJob[];
  /** Seconds that this shell has slept. */
  coppiceClock?: number;
  lastBackgroundPid: number;
}

export function clockOf({ coppiceClock }: JobState): number {
  return coppiceClock ?? 0;
}

export function listedJobs({ coppiceListed }: JobState): BackgroundJob[] {
  return (coppiceListed ?? []).filter(({ isListed }) => isListed);
}

/** The job that `%N`, `%%`, `%+`, `%-` or a process number names, if it is there. */
export function jobOf(state: JobState, word: string): BackgroundJob | undefined {
  if (!word.startsWith("%")) return /^\d+$/.test(word) ? state.coppiceJobs?.get(Number(word)) : undefined;
  const listed = listedJobs(state);
  if (/^%[%+]?$/.test(word)) return listed.at(-1);
  if (word === "%-") return listed.at(-2) ?? listed.at(-1);
  return listed.find(({ number }) => `%${number}` === word);
}

/** Notes a job that has ended, as the last one that was started. What had ended before is listed no more. */
export function noteJob(state: JobState, pid: number, status: number, endsAt: number): void {
  let listed = (state.coppiceListed ??= []);
  while (listed.length > 0 && !listed.at(-1)?.isListed) listed.pop();
  // Not each time, since there may be many.
  if ((listed.at(-1)?.endsAt ?? Infinity) < clockOf(state)) {
    for (const job of listed) job.isListed &&= job.endsAt >= clockOf(state);
    listed = state.coppiceListed = listedJobs(state);
  }
  const job = { pid, number: (listed.at(-1)?.number ?? 0) + 1, status, endsAt, isListed: true };
  listed.push(job);
  (state.coppiceJobs ??= new Map<number, BackgroundJob>()).set(pid, job);
  state.lastBackgroundPid = pid;
}

/** Before a command: `sleep` leads this shell's clock on. */
export function coppiceSlept(state: JobState, name: string, args: readonly string[]): void {
  if (!/^(?:.*\/)?sleep$/s.test(name)) return;
  const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };
  for (const arg of args) {
    const [, number = "", unit = ""] = /^(\d+\.?\d*|\.\d+|inf(?:inity)?)([smhd]?)$/.exec(arg) ?? [];
    if (number === "") continue;
    const seconds = number.startsWith("inf") ? Infinity : Number(number) * (units[unit] as number);
    state.coppiceClock = clockOf(state) + seconds;
  }
}

const disownUsage = "disown: usage: disown [-h] [-ar] [jobspec ... | pid ...]\n";

/** `disown [-h] [-ar] [JOB or PID …]`. */
export function coppiceDisown(state: JobState, args: readonly string[]): Ended {
  const words = [...args];
  let letters = "";
  while (/^-./.test(words[0] ?? "")) {
    const option = words.shift() as string;
    if (option === "--") break;
    const [wrong] = /[^har]/.exec(option.slice(1)) ?? [];
    if (wrong !== undefined)
      return { stdout: "", stderr: `bash: disown: -${wrong}: invalid option\n${disownUsage}`, exitCode: 2 };
    letters += option.slice(1);
  }
  if (words.length === 0 && /[ar]/.test(letters)) {
    for (const job of listedJobs(state))
      if (letters.includes("a") || job.endsAt > clockOf(state)) job.isListed = letters.includes("h") && job.isListed;
    return { stdout: "", stderr: "", exitCode: 0 };
  }
  let stderr = "";
  for (const word of words.length === 0 ? ["%"] : words) {
    const job = jobOf(state, word);
    if (job?.isListed !== true) stderr += `bash: disown: ${word === "%" ? "current" : word}: no such job\n`;
    else if (!letters.includes("h")) job.isListed = false;
  }
  return { stdout: "", stderr, exitCode: stderr === "" ? 0 : 1 };
}
