/** The system's Chromium, and how it is started; no browser is downloaded. */

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

export { chromium };

/** What playwright needs to know. `CHROMIUM` names another program. */
export function program() {
  const path = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(path)) {
    throw new Error(`there is no Chromium at ${path}: run tests/setup/packages, or name another with CHROMIUM`);
  }
  return {
    executablePath: path,
    headless: true,
    timeout: 60_000,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  };
}
