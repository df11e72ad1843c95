// PowerSync's own SDK for browsers, unmodified, in the system's Chromium, driven by lines of JSON: see ../powersync/lines.mjs.
//
// Each client is a browser context of its own, as if it were another device; with `beside` it is another tab of one that is
// there. The page is bundled from the published files and has an origin of its own, so that it asks the hub across origins.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview } from 'vite';
import { chromium, program } from '../../browser/chromium.mjs';
import { serve } from '../powersync/lines.mjs';

const home = import.meta.dirname;
const outDir = await mkdtemp(join(tmpdir(), 'kairos-page-'));
// A second's work: so what is tested is what is published now, and not when somebody last bundled it.
await build({ root: home, logLevel: 'error', build: { outDir, emptyOutDir: true } });
const server = await preview({ root: home, logLevel: 'error', build: { outDir }, preview: { host: '127.0.0.1', port: 0 } });
const url = `http://127.0.0.1:${server.httpServer.address().port}/`;
const browser = await chromium.launch(program());

const tabs = new Map();

async function load(tab, how) {
  await how();
  await tab.page.waitForFunction(() => globalThis.run, undefined, { timeout: 20_000 });
}

const ask = ({ page }, command, rest) => page.evaluate(([command, rest]) => globalThis.run(command, rest), [command, rest]);

const known = {
  async open({ client, beside, agent, ...options }) {
    let tab = tabs.get(client);
    if (!tab) {
      const other = tabs.get(beside);
      const context = other?.context ?? (await browser.newContext({ userAgent: agent ?? undefined }));
      tab = { context, page: await context.newPage(), options: { ...other?.options } };
      for (const event of ['console', 'pageerror']) {
        tab.page.on(event, (said) => console.error(`${client}:`, said.text?.() ?? said.message));
      }
      await load(tab, () => tab.page.goto(url));
      tabs.set(client, tab);
    }
    tab.options = { ...tab.options, ...options, client };
    return await ask(tab, 'open', tab.options);
  },
  // What a person does who is on a train: the browser has no network, and they load the page again.
  async network({ client, offline }) {
    await tabs.get(client).context.setOffline(offline);
    return {};
  },
  async reload({ client }) {
    const tab = tabs.get(client);
    await load(tab, () => tab.page.reload());
    return await ask(tab, 'open', tab.options);
  },
  // Asks the hub from the page for anything, as the person; gives the status, or what the browser says.
  async fetch({ client, path }) {
    const { page, options } = tabs.get(client);
    const asked = { url: options.hub + path, headers: { authorization: `Bearer ${options.token}` } };
    return await page.evaluate(
      ({ url, headers }) => fetch(url, { headers }).then((answer) => answer.status, (error) => error.message),
      asked
    );
  },
  // Closes a tab without a word to the page in it.
  async leave({ client }) {
    await tabs.get(client).page.close();
    tabs.delete(client);
    return {};
  }
};

serve(
  (command, rest) => known[command]?.(rest) ?? ask(tabs.get(rest.client), command, rest),
  async () => {
    await browser.close();
    await server.close();
    await rm(outDir, { recursive: true, force: true });
  }
);
