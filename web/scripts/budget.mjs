/**
 * Fails when a page loads more JavaScript than a small kiosk or an old phone should carry.
 *
 * Counts what `vite build` put in dist: the entry and everything it imports statically, gzipped.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = process.argv[2] ?? "dist";
const budgets = { "mirror.html": 30, "index.html": 100 };
const manifest = JSON.parse(readFileSync(`${dist}/.vite/manifest.json`, "utf8"));

function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
}

let over = false;
for (const [page, budget] of Object.entries(budgets)) {
  const files = [...closure(page)].map((key) => manifest[key].file).filter((file) => file.endsWith(".js"));
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(`${dist}/${file}`), { level: 9 }).length, 0);
  const kb = bytes / 1024;
  console.log(`${page}: ${kb.toFixed(1)} KB gz of ${budget} (${files.join(", ")})`);
  over ||= kb > budget;
}
process.exit(over ? 1 : 0);
