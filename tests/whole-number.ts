/** A whole number from 0 on, as a campaign's command line gives it. Throws a RangeError that names the option. */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${option} is a whole number`);
  return value;
}
