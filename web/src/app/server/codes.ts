import { html, nothing, type TemplateResult } from "lit";
import { locale, t } from "../../i18n";
import { check } from "../../icons";
import { copy } from "../../icons-pages";
import { api } from "../../session";
import { words } from "../../texts/server";
import type { HouseCode } from "../../types";
import { keepInSight } from "../focus";
import { minutes } from "../format";
import { copyText, renderSecret } from "../secret";
import { View } from "../view";
import { reachesFar } from "./place";

const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short" });

/** Only where this hub is a server: a code by which a hub elsewhere connects to it, shown for as long as it is good. */
export class KairosHouseCode extends View {
  private made: HouseCode | null = null;
  private copied = "";

  override connectedCallback(): void {
    super.connectedCallback();
    this.every(1_000, () => this.made && this.requestUpdate());
  }

  private async make(): Promise<void> {
    await this.work(async () => {
      this.made = await api.post<HouseCode>("/api/upstream/codes");
      this.copied = "";
    }, "here");
    await this.updateComplete;
    keepInSight(this);
  }

  protected override render(): TemplateResult {
    const { made } = this;
    const left = made ? made.expires_at - Date.now() : 0;
    return html`<section class="card server-part" aria-labelledby="codes-title" data-testid="server-codes">
      <h2 id="codes-title">${words.codes}</h2>
      <p class="lead">${words.codesLead}</p>
      ${made ? (left > 0 ? this.renderCode(made, left) : html`<p role="status">${words.heldUp}</p>`) : nothing}
      <p class="problem" role="alert">${this.problem}</p>
      <button class="${made ? "quiet" : "primary"} wide" data-testid="code-make" aria-disabled=${this.working} @click=${this.make}>${made ? words.makeAnother : words.makeCode}</button>
    </section>`;
  }

  private renderCode({ code, expires_at, address }: HouseCode, left: number): TemplateResult {
    const take = (text: string) => copyText(text, this) && this.paint(() => (this.copied = text));
    const done = this.copied === code;
    // Where its settings do not tell, it is the one this page was opened by, unless that is one of this home's alone.
    const there = address ?? (reachesFar(location) ? location.origin : null);
    return html`<p>${there ? words.codeBoth : html`${words.codeHow} ${words.codeAddress}`}</p>
      <dl class="secrets">
        ${there ? html`<div data-testid="house-address">${renderSecret(words.hubAddress, there, this.copied, take)}</div>` : nothing}
        <dt>${words.codeLabel}</dt>
        <dd class="house-code"><code data-testid="house-code">${groups(code)}</code><button type="button" class="round" data-testid="code-copy" aria-label="${done ? t.copied : t.copy}: ${words.codeLabel}" @click=${() => take(code)}>${done ? check() : copy()}</button></dd>
      </dl>
      <p class="hint" data-testid="code-holds">${words.holds(clock.format(expires_at), minutes(left / 1000))}</p>`;
  }
}

/** A long code breaks between its groups, and nowhere else. */
function groups(code: string): TemplateResult[] {
  return code.split("-").map((group, n) => html`${n > 0 ? html`-<wbr />` : nothing}<span>${group}</span>`);
}

customElements.define("kairos-house-code", KairosHouseCode);
