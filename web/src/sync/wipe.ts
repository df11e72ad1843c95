/**
 * Takes a database off this device. What SQLite deletes stays readable in its pages, so the whole file goes, out of IndexedDB,
 * where the file system keeps it under its own name.
 */

import { WIPE } from "./able";

/** How long other tabs have to let go of the database, and the browser to remove it. */
const WAIT_MS = 5_000;

/**
 * Removes a database as soon as no tab has it open. A tab that sleeps is not waited for; it finds nothing when it wakes. Until
 * the browser says that all is gone, the mark stays, and the next page tries again.
 */
export async function wipe(file: string): Promise<void> {
  localStorage.setItem(WIPE, file);
  const removed = () => remove(file).then(() => localStorage.removeItem(WIPE));
  const gone = () => Promise.race([removed(), new Promise<void>((done) => setTimeout(done, WAIT_MS))]);
  await navigator.locks.request(file, { signal: AbortSignal.timeout(WAIT_MS) }, gone).catch(gone);
}

/** Empties it first: that is done at once, while a tab that cannot answer holds up the rest. */
async function remove(file: string): Promise<void> {
  const db = await answer(indexedDB.open(file));
  const stores = [...db.objectStoreNames];
  if (stores.length > 0) {
    const all = db.transaction(stores, "readwrite");
    await Promise.all(stores.map((store) => answer(all.objectStore(store).clear())));
  }
  db.close();
  await answer(indexedDB.deleteDatabase(file));
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error ?? new Error("IndexedDB"));
  });
}
