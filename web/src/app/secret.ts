import { html, type TemplateResult } from "lit";
import { t } from "../i18n";
import { check } from "../icons";
import { copy } from "../icons-pages";

/** A text that is shown once, with a button that copies it. `copied` is the text that was copied last. */
export function renderSecret(label: string, text: string, copied: string, take: (text: string) => void): TemplateResult {
  const done = copied === text;
  return html`<dt>${label}</dt>
    <dd><code>${text}</code><button type="button" class="round" aria-label="${done ? t.copied : t.copy}: ${label}" @click=${() => take(text)}>${done ? check() : copy()}</button></dd>`;
}

/** Copies from within an open dialog. The clipboard interface exists on secure origins only; the old way works on both. */
export function copyText(text: string, beside: ParentNode): boolean {
  const had = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  (beside.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  // Who came by keyboard stays where they are.
  if (had instanceof HTMLElement) had.focus();
  return done;
}

const CONSONANTS = "bdfghklmnprstvwz";
const VOWELS = "aeiou";

/** A password that can be said aloud, such as "tabu-kole-wiru-nami-sopa": about 63 bits. */
export function sayable(random: () => number = () => crypto.getRandomValues(new Uint8Array(1))[0] as number): string {
  const pick = (letters: string): string => {
    // Bytes that would favour the first letters are drawn again.
    const limit = 256 - (256 % letters.length);
    for (;;) {
      const byte = random();
      if (byte < limit) return letters[byte % letters.length] as string;
    }
  };
  const syllable = () => pick(CONSONANTS) + pick(VOWELS);
  return Array.from({ length: 5 }, () => syllable() + syllable()).join("-");
}
