/** Draws lines over commits as SVG: an area for each of the most frequent extensions, one above the other. `points` is a tree of folds' results, in the order of their names. */
import type { Job } from "coppice/worker";
import type { Lines } from "./visitor.ts";

const [width, height, legend] = [960, 360, 120];
const colours = ["#2f6f4f", "#74a57f", "#c9b458", "#c97b4a", "#8a4f7d", "#999999"];

export default (job: Job<"points">): string => {
  const points = job.tree(job.args.points).map((point) => job.json(point) as Lines);
  const newest = Object.entries(points.at(-1) ?? {}).toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const named = newest.slice(0, colours.length - 1).map(([extension]) => extension);
  const series = points.map((point) => {
    const counts = named.map((extension) => point[extension] ?? 0);
    const others = sum(Object.values(point)) - sum(counts);
    return [...counts, others];
  });
  const most = Math.max(1, ...series.map(sum));
  const x = (at: number) => ((at / Math.max(1, series.length - 1)) * (width - legend)).toFixed(1);
  const y = (lines: number) => (height - (lines / most) * (height - 20)).toFixed(1);
  const used = colours.slice(0, named.length + 1);
  const areas = used.map((colour, area) => {
    const edge = (below: number) => series.map((counts, at) => `${x(at)},${y(sum(counts.slice(0, area + below)))}`);
    return `<polygon fill="${colour}" points="${[...edge(0), ...edge(1).toReversed()].join(" ")}"/>`;
  });
  const labels = used.map((colour, area) => {
    const extension = named[area];
    const name = extension === undefined ? "others" : extension === "" ? "no extension" : `.${escaped(extension)}`;
    return `<text x="${width - legend + 8}" y="${height - 8 - 20 * area}" fill="${colour}">${name} ${series.at(-1)?.[area] ?? 0}</text>`;
  });
  const size = `viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13"`;
  return [`<svg xmlns="http://www.w3.org/2000/svg" ${size}>`, ...areas, ...labels, "</svg>\n"].join("\n");
};

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
