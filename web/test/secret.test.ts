import { expect, it } from "vitest";
import { sayable } from "../src/app/secret";

it("makes passwords that can be said aloud and never the same", () => {
  const made = new Set(Array.from({ length: 200 }, () => sayable()));
  expect(made.size).toBe(200);
  for (const password of made) expect(password).toMatch(/^([bdfghklmnprstvwz][aeiou]){2}(-([bdfghklmnprstvwz][aeiou]){2}){4}$/);
});

it("draws again where a byte would favour the first letters", () => {
  const bytes = [3, 255, 4];
  expect(sayable(() => bytes.shift() ?? 0).slice(0, 2)).toBe("gu");
});
