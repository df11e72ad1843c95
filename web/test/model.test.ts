import { describe, expect, it } from "vitest";
import type { Api } from "../src/api";
import { LiveModel } from "../src/model";

describe("the live model", () => {
  it("tells with a note what the person had read", async () => {
    const sent: unknown[] = [];
    const api = { post: (path: string, body: unknown) => (sent.push([path, body]), Promise.resolve({})) };
    const model = new LiveModel(api as unknown as Api);
    const of = { habit_id: "h", date: "2026-11-24" };
    await model.note(of, "Mine", null);
    await model.note(of, "", "Mine");
    await model.note(of, "Mine");
    expect(sent).toMatchObject([
      ["/api/data", { batch: [{ op: "PUT", data: { ...of, note: "Mine" }, previous: { note: null } }] }],
      ["/api/data", { batch: [{ op: "PUT", data: { ...of, note: null }, previous: { note: "Mine" } }] }],
      ["/api/data", { batch: [{ op: "PUT", data: { ...of, note: "Mine" } }] }],
    ]);
    expect(sent[2]).not.toHaveProperty("1.batch.0.previous");
  });
});
