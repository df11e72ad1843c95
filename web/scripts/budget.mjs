/**
 * Fails when a page loads more JavaScript than a small kiosk or an old phone should carry.
 *
 * Counts what `vite build` put in dist: the entry and everything it imports statically, gzipped. A phone also loads what it
 * needs to work without the hub: the database and its worker. Not counted is SQLite itself, which is loaded late and once:
 * the WebAssembly, and the file that was made with it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = process.argv[2] ?? "dist";
const budgets = { "mirror.html": 30, "index.html": 100 };
const more = { "index.html": ["src/sync/database.ts"] };
const manifest = JSON.parse(readFileSync(`${dist}/.vite/manifest.json`, "utf8"));

function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
}

/** The parts of the phone's worker, which Vite's manifest does not name. */
const workers = readdirSync(`${dist}/assets`)
  .filter((file) => file.startsWith("worker-"))
  .map((file) => `assets/${file}`)
  .filter((file) => !/sqlite-[\w-]+\.wasm/.test(readFileSync(`${dist}/${file}`, "utf8")));

let over = false;
for (const [page, budget] of Object.entries(budgets)) {
  const keys = new Set([page, ...(more[page] ?? [])].flatMap((key) => [...closure(key)]));
  const own = [...keys].map((key) => manifest[key].file).filter((file) => file.endsWith(".js"));
  const files = more[page] ? [...own, ...workers] : own;
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(`${dist}/${file}`), { level: 9 }).length, 0);
  const kb = bytes / 1024;
  console.log(`${page}: ${kb.toFixed(1)} KB gz of ${budget} (${files.join(", ")})`);
  over ||= kb > budget;
}
process.exit(over ? 1 : 0);
