import type { Plugin } from "vite";

/**
 * Lets a database be removed while a worker has it open. The file system for IndexedDB never closes its connection by itself, and
 * a worker that tabs share outlives each of them, so the removal would wait for as long as one of them is open.
 */
const VFS = /IDBBatchAtomicVFS\.js(\?|$)/;
const OPENED = "return new IDBContext(database);";

export function letGo(): Plugin {
  return {
    name: "let-go",
    transform(code, id) {
      if (!VFS.test(id)) return null;
      if (code.split(OPENED).length !== 2) throw new Error(`${id} opens its database in another way now`);
      return { code: code.replace(OPENED, `database.onversionchange = () => database.close();\n    ${OPENED}`), map: null };
    },
  };
}
