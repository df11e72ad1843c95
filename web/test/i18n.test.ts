import { expect, it } from "vitest";
import { languages } from "../src/i18n";
import { registry } from "../src/texts";
import { BLAME } from "./blame";

import.meta.glob("../src/texts/*.ts", { eager: true });
const all = Object.entries({ ...registry, shared: languages });

/** What a text reads like, whatever it is made from. */
function read(text: unknown): string {
  if (typeof text === "function") return String((text as (...args: unknown[]) => unknown)({ unit: "days", n: 3 }, 2));
  return Array.isArray(text) ? text.join(" ") : String(text);
}

/** A page's words may be grouped. */
function flat(texts: object, at = ""): [string, unknown][] {
  return Object.entries(texts).flatMap(([key, text]: [string, unknown]) =>
    typeof text === "object" && text !== null && !Array.isArray(text) ? flat(text, `${at}${key}.`) : [[`${at}${key}`, text] as [string, unknown]],
  );
}

it.each(all.flatMap(([page, { en, de }]) => [[page, "en", en], [page, "de", de]] as const))("%s says every text in %s and blames nobody", (_, __, texts) => {
  for (const [key, text] of flat(texts)) {
    const words = read(text);
    expect(words.trim(), key).not.toBe("");
    expect(words, key).not.toMatch(BLAME);
  }
});

it.each(all)("%s has the same texts in both languages", (_, { en, de }) => {
  expect(flat(de).map(([key]) => key).sort()).toEqual(flat(en).map(([key]) => key).sort());
});
