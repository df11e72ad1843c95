/** The page "Server" in each way it may look, for screens.mjs. */

import { hook } from "./hub.mjs";

/**
 * Only a hub is at hand here, and no server: what the hub would say of one is said in its place. Where a Postgres is beside it
 * these can go, one by one; the page is told nothing else than the hub tells it.
 */
const ADDRESS = "postgres://kairos@db.example.org:5432/kairos";
const MINUTE_MS = 60_000;
export const at = (state, more = {}) => ({ state, pending: 0, last_sync_at: Date.now() - 4 * MINUTE_MS, message: "", server: ADDRESS, ...more });
const meeting = (rows_here, rows_there, in_both, differ) => ({ rows_here, rows_there, in_both, differ });
export const PREVIEW = {
  server: ADDRESS,
  is_empty: false,
  people: [
    { user_id: "a", display_name: "Ada", ...meeting(1284, 1190, 1171, 3) },
    { user_id: "g", display_name: "Grace", ...meeting(312, 0, 0, 0) },
  ],
  households: [{ household_id: "h", name: null, ...meeting(48, 51, 48, 1) }],
};
const EMPTY = { ...PREVIEW, is_empty: true, people: PREVIEW.people.map((one) => ({ ...one, rows_there: 0, in_both: 0, differ: 0 })), households: [] };

/** Answers these calls of the page, until it is told otherwise. */
export async function say(page, path, body, status = 200) {
  await page.unroute(path);
  await page.route(path, (route) => route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) }));
}

const standing = (page, body) => say(page, "**/api/sync/status", body);

export async function server(page, { turn, look }) {
  const phone = page.viewportSize();
  const open = async () => {
    await turn(page, "#/more", "more-way");
    await turn(page, "#/server", "server-state");
  };
  const shown = async (name, body, more = "") => {
    await standing(page, body);
    await open();
    await hook(page, "server-state", `[data-state="${more || body.state}"]`).waitFor();
    await look(page, name);
  };
  // What the hub here says itself.
  await open();
  await look(page, "server-none");
  await hook(page, "server-add").click();
  await look(page, "server-form");
  await hook(page, "server-kind-hub").check();
  await look(page, "server-form-hub");
  await hook(page, "server-kind-database").check();
  await hook(page, "server-address").fill("postgres://kairos:not a secret@127.0.0.1:9/kairos");
  await hook(page, "server-look").click();
  await hook(page, "server-trouble", '[data-result="not_found"]').waitFor();
  if (await page.getByText("not a secret").count()) throw new Error("the password stands on the page");
  await hook(page, "server-trouble").scrollIntoViewIfNeeded();
  await look(page, "server-trouble");

  await say(page, "**/api/upstream/test", { result: "reachable", message: "The server is there and lets this hub in." });
  for (const [name, preview] of [["server-preview-empty", EMPTY], ["server-preview", PREVIEW]]) {
    await say(page, "**/api/upstream/preview", preview);
    await hook(page, "server-look").click();
    await hook(page, "server-preview").waitFor();
    await look(page, name);
    await page.setViewportSize({ width: 320, height: 640 });
    await look(page, `${name}-narrow`, []);
    await page.setViewportSize(phone);
    if (preview === EMPTY) await hook(page, "server-change").click();
  }
  await say(page, "**/api/upstream", at("syncing", { pending: 1644, last_sync_at: null, message: "Syncing…" }));
  await say(page, "**/api/sync/now", at("syncing", { pending: 603, last_sync_at: null, message: "Syncing…" }), 202);
  await hook(page, "server-connect").click();
  await hook(page, "server-state", '[data-state="syncing"]').waitFor();
  await hook(page, "server-now").click();
  await hook(page, "server-left").filter({ hasText: "603" }).waitFor();
  // The line stays while a hand is on it.
  await page.mouse.move(1, 1);
  await page.locator(".toast").waitFor({ state: "detached" });
  await look(page, "server-syncing");

  await shown("server-pending", at("pending", { pending: 3, message: "3 pending" }));
  await shown("server-offline", at("offline", { pending: 2, message: "Can't reach the server: nothing listens at this address." }));
  await shown("server-error", at("error", { message: "The server refused this hub: password authentication failed for user \"kairos\"." }));
  await shown("server-synced", at("synced", { message: "Synced" }));
  await turn(page, "#/account", "server-line");
  await hook(page, "server-line").scrollIntoViewIfNeeded();
  await look(page, "account-server");
  await turn(page, "#/server", "server-disconnect");
  await hook(page, "server-disconnect").click();
  await page.locator("dialog[open]").waitFor();
  await look(page, "server-disconnect");
  await page.keyboard.press("Escape");
  await standing(page, at("synced", { message: "Synced", fixed: true }));
  await open();
  await hook(page, "server-fixed").waitFor();
  if (await hook(page, "server-add").or(hook(page, "server-disconnect")).count()) throw new Error("a server that stands in config.yaml may be changed here");
  await look(page, "server-fixed");

  await say(page, "**/api/upstream/codes", { code: "K7MF-2QXD-9TPA-W4HJ", expires_at: Date.now() + 15 * MINUTE_MS, address: "https://hub.example.org" });
  await standing(page, at("synced", { message: "Synced", relay: true }));
  await open();
  await hook(page, "code-make").click();
  await hook(page, "house-code").waitFor();
  await hook(page, "house-address").filter({ hasText: "https://hub.example.org" }).waitFor();
  await hook(page, "code-holds").scrollIntoViewIfNeeded();
  await look(page, "server-code");
  await page.unrouteAll({ behavior: "wait" });
}

/** An entry that cannot go to the server; on a page that asks the hub, since one with a database of its own reads it there. */
export async function foreign(page, habit, { turn, look }) {
  const entry = { kind: "foreign", status: "OPEN", table: "habits", row_id: habit, column: null, lost: null, kept: null, reason: "On the server this row's id belongs to somebody else; the row stays on this hub.", stays: "here", operations: null };
  await say(page, "**/api/conflicts", { items: [{ id: "f", ...entry, at: Date.now() - 4 * MINUTE_MS }], next: null });
  await turn(page, "#/today");
  await turn(page, "#/account", "conflict-foreign");
  await hook(page, "conflict").scrollIntoViewIfNeeded();
  await look(page, "conflict-foreign");
  await page.unroute("**/api/conflicts");
}

/** An account in a house whose accounts PocketBase keeps: before it is linked, and after. */
export async function linked(page, { turn, look }) {
  const links = (items) => say(page, "**/api/me/identities", { provider: "pocketbase", has_password: items.length === 0, items, next: null });
  const open = async (seen) => {
    await turn(page, "#/more", "more-way");
    await turn(page, "#/account", seen);
    await hook(page, seen).scrollIntoViewIfNeeded();
  };
  await links([]);
  await open("link-submit");
  await hook(page, "link-other").click();
  await hook(page, "link-token-submit").scrollIntoViewIfNeeded();
  await look(page, "account-link");
  await links([{ provider: "pocketbase", subject: "sjncd1g8njb6trq", linked_at: Date.UTC(2026, 10, 24, 10), only_way_in: true }]);
  await open("link-part");
  await look(page, "account-linked");
  await hook(page, "link-part").click();
  await hook(page, "link-part-submit").scrollIntoViewIfNeeded();
  await look(page, "account-part");
  await page.unroute("**/api/me/identities");
}

/** Somebody else's account is deleted, while the server is away. */
export async function leaving(page, { turn, look }) {
  await turn(page, "#/admin/people", "person");
  await hook(page, "person-delete").first().click();
  await page.locator("dialog[open]").waitFor();
  await look(page, "admin-person-delete");
  await page.keyboard.press("Escape");
  const person = (user_id, display_name, more) => ({ user_id, display_name, email: `${display_name.toLowerCase()}@example.org`, role: "member", disabled: false, leaving: false, created_at: 0, ...more });
  await say(page, "**/api/users", { items: [person("a", "Ada", { role: "admin" }), person("g", "Grace", { disabled: true, leaving: true })], next: null });
  await standing(page, at("offline", { message: "Can't reach the server: it does not answer." }));
  await turn(page, "#/admin", "admin-way");
  await turn(page, "#/admin/people", "person");
  await hook(page, "person", '[data-leaving="true"]').waitFor();
  await look(page, "admin-people-leaving");
  await page.unroute("**/api/users");
  await page.unroute("**/api/sync/status");
}
