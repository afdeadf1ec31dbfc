/** Handlers of what a nested step says: the place that only the caller knows is put in front, and the step's failure is the caller's own. */
export function placedIn(place: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${place}${(error as Error).message.replace(/^Error: /, "")}`);
  };
}
