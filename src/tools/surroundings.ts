/**
 * All that a command knows of where it is, beside PWD and what its caller adds: the same everywhere, so that equal calls are equal requests. Where programs say that they look for others, a home, UTF-8 without a
 * language, and UTC.
 */
export const surroundings = { HOME: "/", LANG: "C.UTF-8", PATH: "/bin", TZ: "UTC" } as const;
