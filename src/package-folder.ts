/** The package's own folder, where what is not code stands: the standard library's modules, package.json. Sources, built modules and bundles lie one folder deep in it. */
export const packageFolder = new URL("../", import.meta.url);
