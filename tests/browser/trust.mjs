/**
 * The page that says how a device comes to trust the hub, on a browser that does (TRUSTED=1) or does not.
 *
 *   TRUSTED=1 HUB_URL=http://kairos.local:8420 HTTPS_HOST=kairos.local:8443 FINGERPRINT=… [SHOTS=folder] node trust.mjs
 *
 * Also read: CHROMIUM, TIMEOUT_MS, HOST_RULES.
 */

import { hook, run, say, setting, Trouble, url } from "./hub.mjs";

const trusted = process.env.TRUSTED === "1";

await run({ width: 412, height: 915 }, async (page, shot) => {
  await page.goto(`${url()}/trust`);
  if (trusted) {
    const open = hook(page, "trust-open");
    await open.waitFor();
    await shot("trust-known");
    await open.click();
    await page.waitForURL(`https://${setting("HTTPS_HOST")}/`);
    await hook(page, "login-email").waitFor();
    if (!(await page.evaluate(() => isSecureContext && navigator.serviceWorker.ready.then(() => true)))) {
      throw new Trouble("the page is not in a secure context");
    }
    return say("TRUSTED");
  }
  await hook(page, "trust-get").waitFor();
  const shown = (await hook(page, "trust-fingerprint").innerText()).replace(/\u200b/g, "");
  if (shown !== setting("FINGERPRINT")) throw new Trouble(`the page shows ${shown}`);
  await shot("trust");
  const download = page.waitForEvent("download");
  await hook(page, "trust-get").click();
  if ((await download).suggestedFilename() !== "kairos-hub.crt") throw new Trouble("the certificate has another name");
  // It says plainly that it is not so yet, and goes on being of use.
  await hook(page, "trust-check").click();
  await page.waitForFunction(() => document.querySelector('[role="status"].hint')?.textContent?.trim());
  await hook(page, "trust-system").selectOption("iphone");
  await page.locator(".steps-list li", { hasText: "Safari" }).waitFor();
  if (await page.evaluate(() => isSecureContext)) throw new Trouble("plain http counts as secure here");
  say("NOT YET");
});
