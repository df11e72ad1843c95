import { expect, it } from "vitest";
import { codes, inGerman, inWords, sentences } from "../src/texts/errors";
import { BLAME } from "./blame";

/** The hub's own source, without its tests. */
const files = import.meta.glob<string>(["../../hub/{src,core/src,transfer/src}/**/*.rs", "!**/tests/**", "!**/*tests.rs"], { query: "?raw", import: "default", eager: true });
const source = Object.values(files).join("\n");

function hubCodes(): string[] {
  const made = [...source.matchAll(/(?:StatusCode::\w+|\bstatus|status\(\)),\s*"([a-z_]+)"/g)].map(([, code]) => code ?? "");
  // Faults that a file gives its own words to.
  const faults = [...source.matchAll(/\bFault::\w+[^=\n]*=> "([a-z_]+)"/g)].map(([, code]) => code ?? "");
  const words = /RejectionCode \{(.*?)\n {4}\}/s.exec(source)?.[1] ?? "";
  return [...new Set([...made, ...faults, ...[...words.matchAll(/= "([a-z_]+)"/g)].map(([, code]) => code ?? "")])].sort();
}

it("knows every code of the hub, and no other", () => {
  expect(hubCodes()).toContain("invalid_credentials");
  expect(hubCodes()).toContain("idempotency_key_reused");
  expect(Object.keys(codes).sort()).toEqual(hubCodes());
});

/** As the source has it: broken into lines, and with names where something stands in between. */
const flat = source.replace(/\\\n\s*/g, "").replace(/\{[\w.: >]*\}/g, "*");

it.each(Object.keys(sentences))("the hub says: %s", (sentence) => {
  // A hint that the hub puts behind a sentence stands by itself.
  const parts = sentence.split(/(?<=beaverhabits\.)(?= )/);
  for (const part of parts) expect(flat.includes(part), part).toBe(true);
});

it("blames nobody, and says each as what it is", () => {
  for (const [code, text] of Object.entries(codes)) {
    const said = typeof text === "function" ? text({ message: "So it is.", details: { field: "name", retry_after: 4, tries_left: 2 } }) : text;
    expect(said, code).toMatch(/^[A-ZÄÖÜ].*[.“]$/s);
    expect(said, code).not.toMatch(BLAME);
  }
  for (const [sentence, text] of Object.entries(sentences)) {
    expect(text, sentence).not.toMatch(BLAME);
    expect(text.split("*").length, sentence).toBe(sentence.split("*").length);
  }
});

it("says by code, by sentence, by field, and quotes what only the hub knows", () => {
  const say = (code: string, message = "Something.", details = {}) => inGerman({ code, message, details });
  expect(say("invalid_credentials")).toBe("Die E-Mail-Adresse oder das Passwort stimmt nicht.");
  expect(say("too_many_requests", "", { retry_after: 30 })).toBe("Das waren viele Versuche. Bitte warte 30 Sekunden.");
  expect(say("wrong_setup_code", "", { tries_left: 1 })).toContain("Ein Versuch bleibt.");
  expect(say("invalid", "A password has 8 to 256 characters.", { field: "password" })).toBe("Ein Passwort hat 8 bis 256 Zeichen.");
  expect(say("invalid", "unit must have at most 32 characters.", { field: "unit" })).toContain("„Einheit“");
  expect(say("invalid", "Habits.csv, line 3: x.", {})).toContain("„Habits.csv, line 3: x“");
  expect(say("of_tomorrow", "It is new.")).toBe("It is new.");
  expect(inWords("not part of this version")).toBe("not part of this version");
});
