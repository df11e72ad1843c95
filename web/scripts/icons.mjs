/**
 * Draws the icons of the installed app from public/favicon.svg, with the Chromium of the browser tests.
 *
 *   node scripts/icons.mjs          (after `npm ci` in ../tests/browser)
 *
 * The PNGs are committed: a build needs no browser.
 */
import { readFileSync } from "node:fs";
import { chromium, program } from "../../tests/browser/chromium.mjs";

const svg = readFileSync(new URL("../public/favicon.svg", import.meta.url), "utf8");
/** Systems cut their own shape out: the colour goes to the edge, and the mark stays within what none of them cuts. */
const whole = svg.replace(' rx="8"', "").replace(/(<rect[^>]*\/>)(.*)(<\/svg>)/s, '$1<g transform="translate(16 16) scale(0.8) translate(-16 -16)">$2</g>$3');

const icons = [
  ["icon-192.png", 192, svg],
  ["icon-512.png", 512, svg],
  ["icon-maskable-512.png", 512, whole],
  ["apple-touch-icon.png", 180, whole],
];

const browser = await chromium.launch(program());
for (const [name, size, text] of icons) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const drawn = text.replace("<svg ", `<svg width="${size}" height="${size}" `);
  await page.setContent(`<style>*{margin:0;background:none}svg{display:block}</style>${drawn}`);
  await page.screenshot({ path: new URL(`../public/icons/${name}`, import.meta.url).pathname, omitBackground: true });
  await page.close();
}
await browser.close();
