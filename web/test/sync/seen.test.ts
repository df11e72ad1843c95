import { expect, it } from "vitest";
import { asSeen } from "../../src/sync/seen";

it("puts what a person saw in the place of what stood there", () => {
  const written = { op: "PATCH", data: { note: "Mine" }, old: { note: "Theirs", type: null }, metadata: '{"at":1,"seen":{"note":null}}' };
  expect(asSeen(written)).toEqual({ ...written, old: { note: null, type: null } });
});

it("leaves alone what says nothing of it", () => {
  for (const written of [{ old: { note: "Theirs" }, metadata: '{"at":1}' }, { old: {} }, {}]) expect(asSeen(written)).toBe(written);
});
