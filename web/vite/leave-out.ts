import type { Plugin } from "vite";

/**
 * Leaves out what PowerSync brings for others: four variants of SQLite of which we use one, file systems we do not choose, and a
 * second way to the server. Twelve megabytes that nobody would ever load, but that every hub would carry.
 */
const VARIANTS = /^@journeyapps\/wa-sqlite\/(dist\/.*\.mjs|src\/examples\/(AccessHandlePool|OPFS|Memory).*)$/;
const WEBSOCKETS = "@powersync/shared-internals/websockets";
/** SQLite without a worker: what the page itself would need for that. */
const IN_PAGE = /\/worker\/db\/MultiDatabaseServer\.js$/;
const EMPTY = "\0left-out";

export function leaveOut(keep: string[] = []): Plugin {
  return {
    name: "leave-out",
    apply: "build",
    enforce: "pre",
    resolveId(id) {
      const unused = VARIANTS.test(id) && !keep.includes(id);
      return unused || id === WEBSOCKETS || (keep.length === 0 && IN_PAGE.test(id)) ? EMPTY : null;
    },
    load(id) {
      if (id !== EMPTY) return null;
      return "export default () => { throw new Error('This part is left out of the app.'); };\n" +
        "export class MultiDatabaseServer {}\n" +
        "export const AccessHandlePoolVFS = {}, OPFSCoopSyncVFS = {}, OPFSWriteAheadVFS = {}, MemoryVFS = {};\n";
    },
  };
}
