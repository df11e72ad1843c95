/**
 * An account that was here first, in a house whose accounts PocketBase keeps: linked by the login there, seen, parted, linked again,
 * and deleted for good.
 *
 *   HUB_URL=http://127.0.0.1:8420 EMAIL=… PASSWORD=… PASSWORD_THERE=… [SHOTS=folder] node account.mjs
 *
 * Prints LINKED, PARTED and GONE. Also read: CHROMIUM, TIMEOUT_MS.
 */

import { api, hook, run, say, setting, Trouble, url } from "./hub.mjs";

const EMAIL = setting("EMAIL");
const PASSWORD = setting("PASSWORD");
const THERE = setting("PASSWORD_THERE");
const OWN = "a password of its own";

await run({ width: 412, height: 915 }, async (page, shot) => {
  const turn = (hash) => page.evaluate((hash) => (location.hash = hash), hash);
  const refused = () => hook(page, "link-problem").filter({ hasText: /\S/ }).first().waitFor();
  const may = async (password) => {
    const answer = await fetch(`${url()}/api/auth/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: EMAIL, password }) });
    return answer.status;
  };

  await page.goto(`${url()}/`);
  await hook(page, "login-email").fill(EMAIL);
  await hook(page, "login-password").fill(PASSWORD);
  await hook(page, "login-submit").click();
  await hook(page, "sync-state", '[data-state="synced"]').first().waitFor();
  await turn("#/account");

  // With a password that is not the one there, then with the one that is.
  await hook(page, "link-password").fill("not the password there");
  await hook(page, "link-submit").click();
  await refused();
  await hook(page, "link-password").fill(THERE);
  await hook(page, "link-submit").click();
  await hook(page, "link", '[data-provider="pocketbase"]').waitFor();
  await hook(page, "link").scrollIntoViewIfNeeded();
  await shot("account-1-linked");
  if ((await may(PASSWORD)) !== 401 || (await may(THERE)) !== 200) throw new Trouble("not the password there opens the account");
  say("LINKED");

  // Parted, by who gives it a password of its own.
  await hook(page, "link-part").click();
  await hook(page, "link-password").fill("not the password there");
  await hook(page, "link-new-password").fill(OWN);
  await hook(page, "link-part-submit").click();
  await refused();
  await hook(page, "link-password").fill(THERE);
  await hook(page, "link-part-submit").click();
  await hook(page, "link-submit").waitFor();
  if ((await may(OWN)) !== 200) throw new Trouble("its own password does not open the account");
  say("PARTED");

  // Linked once more, and gone: PocketBase's password is not the hub's to ask for.
  await hook(page, "link-password").fill(THERE);
  await hook(page, "link-submit").click();
  await hook(page, "link").waitFor();
  await turn("#/account/delete");
  await hook(page, "delete-goes").filter({ hasText: "PocketBase" }).waitFor();
  if (await hook(page, "delete-password").count()) throw new Trouble("it asks for a password that the hub does not keep");
  const [download] = await Promise.all([page.waitForEvent("download"), hook(page, "delete-export").click()]);
  if (!download.suggestedFilename().endsWith(".json")) throw new Trouble(`the export is ${download.suggestedFilename()}`);
  await hook(page, "delete-submit").click();
  await hook(page, "delete-yes").click();
  await hook(page, "farewell-there").waitFor();
  await shot("account-2-gone");
  for (const end = Date.now() + 10_000; ; ) {
    const kept = await page.evaluate(async () => (await indexedDB.databases()).length + Number(localStorage.getItem("kairos.me") !== null));
    if (kept === 0) break;
    if (Date.now() > end) throw new Trouble("something of theirs stays on the phone");
    await new Promise((done) => setTimeout(done, 100));
  }
  await api("GET", "/api/setup");
  say("GONE");
});
