import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../../i18n";
import { plus } from "../../icons";
import { person as personIcon, trash } from "../../icons-pages";
import { api, session, toast } from "../../session";
import { words } from "../../texts/admin";
import { inWords } from "../../texts/errors";
import { words as leavingWords } from "../../texts/leaving";
import type { List, Person, Standing } from "../../types";
import { HubPage } from "../hub-page";
import { copyText, renderSecret, sayable } from "../secret";
import { field } from "../view";

/** How often the page looks while somebody leaves. */
const LOOK_MS = 1_500;

/** Accounts: who has one, a new one with a password the administrator tells, shutting one out, and deleting one for good. */
export class KairosPeople extends HubPage {
  private people: Person[] | null = null;
  private adding = false;
  private password = "";
  private welcome: { name: string; email: string; password: string } | null = null;
  private asks: Person | null = null;
  private copied = "";
  /** Whose account is to go for good. */
  private ends: Person | null = null;
  /** The hub's server is away: who leaves waits for it. */
  private waits = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** While somebody leaves, the page looks again, and says when they have left. */
  protected override async load(): Promise<void> {
    const before = this.people?.filter(({ leaving }) => leaving) ?? [];
    const people = (await api.get<List<Person>>("/api/users")).items;
    const leaving = people.some((person) => person.leaving);
    this.waits = leaving && (await api.get<Standing>("/api/sync/status")).state === "offline";
    this.people = people;
    for (const gone of before.filter((one) => !people.some(({ user_id }) => user_id === one.user_id))) toast(leavingWords.gone(gone.display_name));
    clearTimeout(this.timer);
    if (leaving && this.isConnected) this.timer = setTimeout(() => void this.refresh(), LOOK_MS);
  }

  private async add(event: SubmitEvent): Promise<void> {
    const added = await this.submit(event, async (form) => {
      const fresh = { name: field(form, "name"), email: field(form, "email"), password: this.password };
      await api.post("/api/users", { display_name: fresh.name, email: fresh.email, password: fresh.password, role: field(form, "role") });
      this.welcome = fresh;
    });
    if (!added) return;
    this.paint(() => {
      this.adding = false;
      this.password = "";
    });
    await this.refresh();
  }

  private async set(person: Person, verb: "disable" | "enable"): Promise<void> {
    this.asks = null;
    await this.work(async () => {
      await api.post(`/api/users/${person.user_id}/${verb}`);
      toast(verb === "disable" ? words.didDisable(person.display_name) : words.didEnable(person.display_name));
    });
    await this.refresh();
  }

  private async end(person: Person): Promise<void> {
    this.ends = null;
    await this.work(async () => {
      const { message } = await api.delete<{ message: string | null }>(`/api/users/${person.user_id}`);
      toast([leavingWords.begun(person.display_name), message ? inWords(message) : ""].filter(Boolean).join(" "));
    });
    await this.refresh();
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.people, "", "#/admin");
    if (!this.people) return html`${head}${this.renderWaiting()}`;
    return html`${head}
      <p class="hint page-lead">${words.peopleLead}</p>
      <ul class="list">${repeat(this.people, (p) => p.user_id, (p) => this.renderPerson(p))}</ul>
      ${this.adding ? this.renderForm() : html`<button class="add" data-testid="person-add" @click=${() => this.paint(() => (this.adding = true))}>${plus()}<span>${words.addPerson}</span></button>`}
      ${this.welcome ? this.renderWelcome(this.welcome) : nothing}
      ${this.asks ? this.renderDisable(this.asks) : nothing} ${this.ends ? this.renderEnd(this.ends) : nothing}`;
  }

  private renderPerson(person: Person): TemplateResult {
    const own = person.user_id === session.me?.user_id;
    const role = person.role === "admin" ? words.isAdmin : words.isMember;
    const name = person.display_name;
    const stands = person.leaving ? [this.waits ? leavingWords.waits : leavingWords.leaving] : person.disabled ? [words.disabled] : [];
    return html`<li class="row person ${person.disabled ? "is-off" : ""}" data-testid="person" data-disabled=${String(person.disabled)} data-leaving=${String(person.leaving)}>
      <span class="row-icon">${personIcon()}</span>
      <span class="words"><span class="name">${name}</span>
        <span class="line">${person.email}</span>
        <span class="line">${[role, ...(own ? [words.you] : []), ...stands].join(" · ")}</span></span>
      ${own || person.leaving
        ? nothing
        : person.disabled
          ? html`<button class="quiet" data-testid="person-enable" aria-disabled=${this.working} aria-label=${words.enableOf(name)} @click=${() => this.set(person, "enable")}>${words.enable}</button>`
          : html`<button class="quiet" data-testid="person-disable" aria-disabled=${this.working} aria-label=${words.disableOf(name)} @click=${() => this.paint(() => (this.asks = person))}>${words.disable}</button>`}
      ${own || person.leaving
        ? nothing
        : html`<button class="round faint" data-testid="person-delete" aria-disabled=${this.working} aria-label=${leavingWords.deleteOf(name)} title=${leavingWords.deleteOf(name)} @click=${() => this.paint(() => (this.ends = person))}>${trash()}</button>`}
    </li>`;
  }

  private renderForm(): TemplateResult {
    return html`<section class="card sheet" aria-label=${words.addPerson}>
      <h2>${words.addPerson}</h2>
      <form @submit=${this.add}>
        <label class="field"><span>${words.personName}</span><input name="name" data-testid="person-name" required maxlength="100" autocomplete="off" data-focus /></label>
        <label class="field"><span>${t.email}</span><input name="email" data-testid="person-email" type="email" required autocomplete="off" /></label>
        <label class="field"><span>${words.personPassword}</span>
          <input name="password" data-testid="person-password" required minlength="8" maxlength="256" autocomplete="off" autocapitalize="none" spellcheck="false" .value=${this.password}
            aria-describedby="person-password-hint" @input=${(event: Event) => (this.password = (event.target as HTMLInputElement).value)} />
          <small id="person-password-hint">${words.personPasswordHint}</small></label>
        <div class="ideas"><button type="button" class="chip" data-testid="person-suggest" @click=${() => this.paint(() => (this.password = sayable()))}>${words.suggest}</button></div>
        <label class="field"><span>${words.role}</span>
          <select name="role"><option value="member">${words.member}</option><option value="admin">${words.admin}</option></select></label>
        <p class="problem" role="alert">${this.problem}</p>
        <button class="primary wide" data-testid="person-submit" aria-disabled=${this.working}>${t.add}</button>
      </form>
      <button class="quiet wide" @click=${() => this.paint(() => (this.adding = false))}>${t.cancel}</button>
    </section>`;
  }

  private renderWelcome(fresh: { name: string; email: string; password: string }): TemplateResult {
    const take = (text: string) => copyText(text, this) && this.paint(() => (this.copied = text));
    const close = () => this.paint(() => {
      this.welcome = null;
      this.copied = "";
    });
    return html`<dialog aria-labelledby="welcome-title" data-testid="person-welcome" @close=${close}>
      <h2 id="welcome-title">${words.welcome(fresh.name)}</h2>
      <p class="lead">${words.welcomeLead}</p>
      <dl class="secrets">
        ${renderSecret(words.address, location.origin, this.copied, take)} ${renderSecret(t.email, fresh.email, this.copied, take)}
        ${renderSecret(t.password, fresh.password, this.copied, take)}
      </dl>
      <form method="dialog"><button class="primary wide">${t.done}</button></form>
    </dialog>`;
  }

  private renderEnd(person: Person): TemplateResult {
    const text = html`<p>${leavingWords.askOfLead}</p><ul><li>${leavingWords.ofGoes}</li><li>${leavingWords.ofStays}</li></ul><p>${leavingWords.ofExport(person.email)}</p>`;
    const ask = { title: leavingWords.askOf(person.display_name), text, yes: leavingWords.yes, hook: "person-delete-yes" };
    return this.renderAsk(ask, () => void this.end(person), () => this.paint(() => (this.ends = null)));
  }

  private renderDisable(person: Person): TemplateResult {
    const ask = { title: words.disableAsk(person.display_name), text: words.disableLead, yes: words.disable, hook: "person-disable-yes" };
    return this.renderAsk(ask, () => void this.set(person, "disable"), () => this.paint(() => (this.asks = null)));
  }
}

customElements.define("kairos-people", KairosPeople);
