import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { letGo } from "./vite/let-go.ts";
import { leaveOut } from "./vite/leave-out.ts";
import { shell } from "./vite/shell.ts";

/** Where `npm run dev` finds a hub: the mock of dev/mock-hub.mjs, or a real one. */
const hub = process.env["KAIROS_HUB"] ?? "http://127.0.0.1:8420";

/** The variant of SQLite that goes with the SDK's own choice of where data lies, IDBBatchAtomicVFS. */
const SQLITE = ["@journeyapps/wa-sqlite/dist/wa-sqlite-async.mjs"];

export default defineConfig({
  appType: "mpa",
  resolve: {
    // What every app needs to sync with a hub is published there, the tables among it, and we are one of those apps.
    alias: { "@hub": fileURLToPath(new URL("../docs/sync", import.meta.url)) },
    // The published files lie elsewhere; what they import is found here.
    dedupe: ["@powersync/common"],
  },
  build: {
    target: "es2022",
    // Everything is its own file: the hub's Content-Security-Policy allows neither data: nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // scripts/budget.mjs reads which chunks the mirror loads from here.
    manifest: true,
    rolldownOptions: {
      input: { index: "index.html", mirror: "mirror.html", "service-worker": "src/service-worker.ts" },
      output: {
        // A service worker rules where it lies, and is found under one name in every version.
        entryFileNames: ({ name }) => (name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/shared-[hash].js",
        assetFileNames: "assets/style-[hash][extname]",
      },
    },
  },
  worker: {
    format: "es",
    plugins: () => [leaveOut(SQLITE), letGo()],
    rolldownOptions: {
      output: { entryFileNames: "assets/worker-[hash].js", chunkFileNames: "assets/worker-[hash].js", assetFileNames: "assets/sqlite-[hash][extname]" },
    },
  },
  // The SDK finds its worker beside its own files.
  optimizeDeps: { exclude: ["@powersync/web"] },
  server: {
    // The hub compares where a request comes from with where it goes to, so both keep this server's name.
    proxy: { "/api": { target: hub, ws: true }, "/sync": { target: hub }, "/write-checkpoint2.json": { target: hub } },
  },
  plugins: [
    leaveOut(),
    shell(),
    {
      // The hub serves the mirror at /mirror; so does the development server.
      name: "mirror-route",
      configureServer(server) {
        server.middlewares.use((request, _response, next) => {
          if (request.url?.split("?")[0] === "/mirror") request.url = "/mirror.html";
          if (["/admin", "/trust", "/watch"].includes(request.url?.split("?")[0] ?? "")) request.url = "/index.html";
          next();
        });
      },
    },
  ],
});
