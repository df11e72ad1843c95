import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import type { OutputBundle, OutputChunk, Plugin } from "vite";

/**
 * Tells the service worker what the phone's shell is made of: the page, all its code (also what is loaded late), styles and
 * icons. The mirror has no part in it; SQLite is large and comes with its first use.
 */

const WORKER = "service-worker.js";

export function shell(): Plugin {
  return {
    name: "shell",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const worker = bundle[WORKER];
      if (worker?.type !== "chunk") throw new Error(`there is no ${WORKER}`);
      if (worker.imports.length > 0) throw new Error(`${WORKER} has to be one file, and imports ${worker.imports.join(", ")}`);
      const files = [...reachable(bundle), ...icons("public")].sort();
      const page = bundle["index.html"];
      const hash = createHash("sha256").update(files.join()).update(page?.type === "asset" ? page.source : "");
      const known = {
        version: hash.digest("hex").slice(0, 16),
        entry: files.find((file) => /^assets\/index-/.test(file)),
        files: files.filter((file) => !file.endsWith(".wasm")),
        late: files.filter((file) => file.endsWith(".wasm")),
      };
      worker.code = worker.code.replace("__SHELL__", () => JSON.stringify(known));
    },
  };
}

/** What the phone's page may load. A worker and its parts are files of their own, which only the phone uses. */
function reachable(bundle: OutputBundle): Set<string> {
  const found = new Set<string>();
  const visit = (name: string) => {
    const part = bundle[name];
    if (!part || found.has(name)) return;
    found.add(name);
    if (part.type !== "chunk") return;
    const styles = (part as OutputChunk & { viteMetadata?: { importedCss: Set<string> } }).viteMetadata?.importedCss ?? [];
    for (const next of [...part.imports, ...part.dynamicImports, ...styles]) visit(next);
  };
  for (const part of Object.values(bundle)) {
    if (part.type === "chunk" && part.facadeModuleId?.endsWith("/index.html")) visit(part.fileName);
    if (part.type === "asset" && /\.(js|wasm)$/.test(part.fileName)) visit(part.fileName);
  }
  return found;
}

function icons(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.(svg|png|webmanifest)$/.test(file));
}
