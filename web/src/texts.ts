import { lang } from "./i18n";

/** Every page's words in both languages, for the test that reads them all. */
export const registry: Record<string, { en: object; de: object }> = {};

/**
 * The words of one page, in the browser's language. The texts everybody shares are in `i18n.ts`; those of a page stand in
 * `texts/<page>.ts`, so that a page that is loaded late brings its own.
 */
export function texts<T extends object>(page: string, en: T, de: T): T {
  registry[page] = { en, de };
  return lang === "de" ? de : en;
}
