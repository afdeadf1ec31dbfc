/** The clock and the calendar that awk's functions know, in UTC. */
import { AwkFault } from "./awk-words.ts";

/** The clock of a job that nobody has read. */
export const startSeconds = 1_000_000_000;

/** The seconds of `YYYY MM DD HH MM SS`, -1 where it is no date. */
export function secondsOf(text: string): number {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = text.trim().split(/\s+/).map(Number);
  const made = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  return Number.isNaN(made) ? -1 : made;
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

const two = (value: number) => String(value).padStart(2, "0");

/** A date of UTC as strftime writes it in the C locale. */
export function dateText(format: string, seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new AwkFault(`strftime: ${seconds} is no time`);
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
  const [day, month] = [days[date.getUTCDay()] ?? "", months[date.getUTCMonth()] ?? ""];
  const hour12 = date.getUTCHours() % 12 === 0 ? 12 : date.getUTCHours() % 12;
  const known: Readonly<Record<string, () => string>> = {
    a: () => day.slice(0, 3),
    A: () => day,
    b: () => month.slice(0, 3),
    B: () => month,
    c: () => dateText("%a %b %e %H:%M:%S %Y", seconds),
    d: () => two(date.getUTCDate()),
    D: () => dateText("%m/%d/%y", seconds),
    e: () => String(date.getUTCDate()).padStart(2),
    F: () => dateText("%Y-%m-%d", seconds),
    h: () => month.slice(0, 3),
    H: () => two(date.getUTCHours()),
    I: () => two(hour12),
    j: () => String(dayOfYear).padStart(3, "0"),
    m: () => two(date.getUTCMonth() + 1),
    M: () => two(date.getUTCMinutes()),
    n: () => "\n",
    p: () => (date.getUTCHours() < 12 ? "AM" : "PM"),
    R: () => dateText("%H:%M", seconds),
    s: () => String(Math.trunc(seconds)),
    S: () => two(date.getUTCSeconds()),
    t: () => "\t",
    T: () => dateText("%H:%M:%S", seconds),
    u: () => String(date.getUTCDay() === 0 ? 7 : date.getUTCDay()),
    w: () => String(date.getUTCDay()),
    x: () => dateText("%m/%d/%y", seconds),
    X: () => dateText("%H:%M:%S", seconds),
    y: () => two(date.getUTCFullYear() % 100),
    Y: () => String(date.getUTCFullYear()),
    z: () => "+0000",
    Z: () => "UTC",
    "%": () => "%",
  };
  return format.replaceAll(/%([^])/g, (whole: string, letter: string) => known[letter]?.() ?? whole);
}
