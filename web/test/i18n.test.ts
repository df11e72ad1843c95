import { expect, it } from "vitest";
import { languages } from "../src/i18n";

/** Words this house does not say to people about their habits. */
const BLAME = /streak|broke|fail|missed|try harder|give up|should have|versäumt|verpasst|gescheitert|versagt|hättest|\bserie\b|punkte/i;

/** What a text reads like, whatever it is made from. */
function read(text: unknown): string {
  if (typeof text === "function") return String((text as (...args: unknown[]) => unknown)({ unit: "days", n: 3 }, 2));
  return Array.isArray(text) ? text.join(" ") : String(text);
}

it.each(Object.entries(languages))("%s says every text and blames nobody", (_, texts) => {
  for (const [key, text] of Object.entries(texts)) {
    const words = read(text);
    expect(words.trim(), key).not.toBe("");
    expect(words, key).not.toMatch(BLAME);
  }
});

it("has the same texts in both languages", () => {
  expect(Object.keys(languages.de).sort()).toEqual(Object.keys(languages.en).sort());
});
