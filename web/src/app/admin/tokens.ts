import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../../i18n";
import { plus } from "../../icons";
import { key } from "../../icons-pages";
import { api, toast } from "../../session";
import { words } from "../../texts/admin";
import type { ApiToken, List } from "../../types";
import { moment } from "../format";
import { HubPage } from "../hub-page";
import { copyText, renderSecret } from "../secret";
import { field } from "../view";
import "./admin.css";

/** The person's own API tokens: made, shown once, taken away. */
export class KairosTokens extends HubPage {
  static override properties: PropertyDeclarations = { up: { attribute: false } };
  /** Where "Back" leads: this page stands under two others. */
  declare up: string;
  private tokens: ApiToken[] | null = null;
  private adding = false;
  private fresh: { name: string; token: string } | null = null;
  private asks: ApiToken | null = null;
  private copied = "";

  constructor() {
    super();
    this.up = "#/more";
  }

  protected override async load(): Promise<void> {
    this.tokens = (await api.get<List<ApiToken>>("/api/tokens")).items;
  }

  private async add(event: SubmitEvent): Promise<void> {
    const added = await this.submit(event, async (form) => {
      this.fresh = await api.post<{ name: string; token: string }>("/api/tokens", { name: field(form, "name") });
    });
    if (!added) return;
    this.paint(() => (this.adding = false));
    await this.refresh();
  }

  private async revoke(token: ApiToken): Promise<void> {
    this.asks = null;
    await this.work(async () => {
      await api.delete(`/api/tokens/${token.id}`);
      toast(words.revoked(token.name));
    });
    await this.refresh();
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.tokens, "", this.up);
    if (!this.tokens) return html`${head}${this.renderWaiting()}`;
    return html`${head}
      <p class="hint page-lead">${words.tokensLead}</p>
      <ul class="list">${repeat(this.tokens, (token) => token.id, (token) => this.renderToken(token))}</ul>
      ${this.adding ? this.renderForm() : html`<button class="add" data-testid="token-add" @click=${() => this.paint(() => (this.adding = true))}>${plus()}<span>${words.addToken}</span></button>`}
      ${this.fresh ? this.renderFresh(this.fresh) : nothing}
      ${this.asks ? this.renderRevoke(this.asks) : nothing}`;
  }

  private renderToken(token: ApiToken): TemplateResult {
    return html`<li class="row" data-testid="token">
      <span class="row-icon">${key()}</span>
      <span class="words"><span class="name">${token.name}</span>
        <span class="line">${token.last_used_at ? words.used(moment(token.last_used_at)) : words.unused}</span>
        <span class="line">${words.made(moment(token.created_at))}</span></span>
      <button class="quiet" data-testid="token-revoke" aria-disabled=${this.working} aria-label=${words.revokeOf(token.name)} @click=${() => this.paint(() => (this.asks = token))}>${words.revoke}</button>
    </li>`;
  }

  private renderForm(): TemplateResult {
    return html`<section class="card sheet" aria-label=${words.addToken}>
      <h2>${words.addToken}</h2>
      <form @submit=${this.add}>
        <label class="field"><span>${words.tokenName}</span><input name="name" data-testid="token-name" required maxlength="100" placeholder=${words.tokenExample} autocomplete="off" data-focus /></label>
        <p class="problem" role="alert">${this.problem}</p>
        <button class="primary wide" data-testid="token-submit" aria-disabled=${this.working}>${t.add}</button>
      </form>
      <button class="quiet wide" @click=${() => this.paint(() => (this.adding = false))}>${t.cancel}</button>
    </section>`;
  }

  private renderFresh(fresh: { name: string; token: string }): TemplateResult {
    const take = (text: string) => copyText(text, this) && this.paint(() => (this.copied = text));
    const close = () => this.paint(() => {
      this.fresh = null;
      this.copied = "";
    });
    return html`<dialog aria-labelledby="token-title" data-testid="token-fresh" @close=${close}>
      <h2 id="token-title">${words.tokenTitle(fresh.name)}</h2>
      <p class="lead">${words.tokenLead}</p>
      <dl class="secrets">
        ${renderSecret(words.token, fresh.token, this.copied, take)}
        ${renderSecret(words.tokenTry, `curl -H "Authorization: Bearer ${fresh.token}" ${location.origin}/api/today`, this.copied, take)}
      </dl>
      <form method="dialog"><button class="primary wide">${t.done}</button></form>
    </dialog>`;
  }

  private renderRevoke(token: ApiToken): TemplateResult {
    const ask = { title: words.revokeAsk(token.name), text: words.revokeLead, yes: words.revoke, hook: "token-revoke-yes" };
    return this.renderAsk(ask, () => void this.revoke(token), () => this.paint(() => (this.asks = null)));
  }
}

customElements.define("kairos-tokens", KairosTokens);
