import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { check } from "../icons";
import { api, session, toast } from "../session";
import { words } from "../texts/account";
import type { Link, Links } from "../types";
import { dateOf } from "./account-words";
import { field, View } from "./view";

const IDENTITIES = "/api/me/identities";

/**
 * Links this account with the one its person has in PocketBase, in houses whose accounts are kept there; says with what it is
 * linked, and parts the two. In other houses there is nothing to see.
 */
export class KairosAccountLink extends View {
  private links: Links | null = null;
  private parting = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const links = await api.get<Links>(IDENTITIES);
      this.paint(() => (this.links = links));
    } catch {
      // The hub is away: nothing is shown that could not be changed.
    }
  }

  private async link(form: HTMLFormElement, login: object): Promise<void> {
    await api.post(IDENTITIES, login);
    form.reset();
    await this.load();
    toast(words.linked);
  }

  private async unlink({ provider }: Link, body: object): Promise<void> {
    this.links = await api.delete<Links>(`${IDENTITIES}/${encodeURIComponent(provider)}`, body);
    this.parting = false;
    toast("new_password" in body ? words.partedAnew : words.parted);
  }

  protected override render(): TemplateResult {
    const { links } = this;
    if (!links || (!links.provider && links.items.length === 0)) return html``;
    return html`<section class="account-part" aria-labelledby="link-title">
      <h2 id="link-title">${words.linkTitle}</h2>
      ${links.items.map((link) => this.renderLink(link))}
      ${links.provider && !links.items.some(({ provider }) => provider === links.provider) ? this.renderForm() : nothing}
    </section>`;
  }

  private renderLink(link: Link): TemplateResult {
    return html`<div class="card account-part" data-testid="link" data-provider=${link.provider}>
      <p class="account-linked">${check()}<b>${words.linkedWith}</b></p>
      <p class="hint">${words.linkedSince(dateOf(link.linked_at))} · ${words.linkedAs} <code>${link.subject}</code></p>
      <p>${link.only_way_in ? words.linkedOpens : words.linkedOnly}</p>
      ${!link.only_way_in
        ? html`<button class="quiet" data-testid="link-part" aria-disabled=${this.working} @click=${() => this.work(() => this.unlink(link, {}))}>${words.unlink}</button>`
        : this.parting
          ? this.renderParting(link)
          : html`<button class="quiet" data-testid="link-part" @click=${() => this.paint(() => (this.parting = true))}>${words.unlink}…</button>`}
    </div>`;
  }

  /** Parting keeps a way in, so it makes one. */
  private renderParting(link: Link): TemplateResult {
    const part = (form: HTMLFormElement) => this.unlink(link, { email: field(form, "email"), password: typed(form, "password"), new_password: typed(form, "new_password") });
    return html`<form @submit=${(event: SubmitEvent) => this.submit(event, part)}>
      <h3>${words.partTitle}</h3>
      <p class="lead">${words.partLead}</p>
      ${this.renderLogin()}
      <label class="field"><span>${words.partPassword}</span>
        <input name="new_password" type="password" data-testid="link-new-password" required minlength="8" maxlength="256" autocomplete="new-password" aria-describedby="link-new-hint" />
        <small id="link-new-hint">${words.partPasswordHint}</small></label>
      <p class="problem" role="alert" data-testid="link-problem">${this.problem}</p>
      <button class="primary wide" data-testid="link-part-submit" aria-disabled=${this.working}>${words.unlink}</button>
      <button type="button" class="quiet wide" @click=${() => this.paint(() => (this.parting = false))}>${t.cancel}</button>
    </form>`;
  }

  private renderForm(): TemplateResult {
    const login = (form: HTMLFormElement) => this.link(form, { email: field(form, "email"), password: typed(form, "password") });
    const token = (form: HTMLFormElement) => this.link(form, { token: field(form, "token") });
    return html`<div class="card account-part">
      <p class="lead">${words.linkLead}</p>
      <p class="lead">${words.linkAfter}</p>
      <form @submit=${(event: SubmitEvent) => this.submit(event, login)}>
        ${this.renderLogin()}
        <p class="problem" role="alert" data-testid="link-problem">${this.problem}</p>
        <button class="primary wide" data-testid="link-submit" aria-disabled=${this.working}>${this.working ? words.linking : words.link}</button>
      </form>
      <details class="fold"><summary data-testid="link-other">${words.linkOther}</summary>
        <form autocomplete="off" @submit=${(event: SubmitEvent) => this.submit(event, token)}>
          <label class="field"><span>${words.linkToken}</span>
            <input name="token" type="password" data-testid="link-token" required maxlength="8000" autocomplete="off" aria-describedby="link-hint" />
            <small id="link-hint">${words.linkTokenHint}</small></label>
          <button class="quiet wide" data-testid="link-token-submit" aria-disabled=${this.working}>${words.linkByToken}</button>
        </form>
      </details>
    </div>`;
  }

  /** The login of PocketBase; its address is most often the one here. */
  private renderLogin(): TemplateResult {
    return html`<label class="field"><span>${words.linkEmail}</span>
        <input name="email" type="email" data-testid="link-email" required maxlength="254" autocomplete="off" .defaultValue=${session.me?.email ?? ""} /></label>
      <label class="field"><span>${words.linkPassword}</span>
        <input name="password" type="password" data-testid="link-password" required maxlength="256" autocomplete="off" /></label>`;
  }
}

/** As typed: a space may be part of a password. */
function typed(form: HTMLFormElement, name: string): string {
  return String(new FormData(form).get(name) ?? "");
}

customElements.define("kairos-account-link", KairosAccountLink);
