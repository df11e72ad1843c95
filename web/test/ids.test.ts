import { expect, it } from "vitest";
import { cellId, timedId } from "../src/ids";

/** The vectors of docs/SYNC.md, which every client repeats. */
it.each([
  ["", "e4c734f4-0e0f-863a-8525-719a5f174fd8"],
  ["ada", "34281328-fc0b-8d7c-9fd2-8368c201d763"],
])("a day's id follows from habit, date and actor “%s”", async (actor, id) => {
  expect(await cellId("0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "2026-11-24", actor)).toBe(id);
});

it("an id that tells its time is a UUIDv7 with the time in front", () => {
  expect(timedId(0x019000000000)).toMatch(/^01900000-0000-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
