/** What the tests' database uses of Node and of SQLite for browsers, which come without types. */
declare module "node:fs" {
  export function readFileSync(path: string): Uint8Array;
}
declare module "node:module" {
  export function createRequire(from: string): { resolve(id: string): string };
}
declare module "@journeyapps/wa-sqlite/dist/wa-sqlite.mjs" {
  const factory: (options: { wasmBinary: Uint8Array }) => Promise<{ ccall: (...call: unknown[]) => void }>;
  export default factory;
}
declare module "@journeyapps/wa-sqlite/src/sqlite-api.js" {
  export function Factory<Api>(module: unknown): Api;
}
