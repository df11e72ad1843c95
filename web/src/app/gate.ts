import { html, nothing, type TemplateResult } from "lit";
import { type Farewell, farewell } from "../farewell";
import { t } from "../i18n";
import { mark } from "../icons";
import { api, session } from "../session";
import { words as devices } from "../texts/devices";
import { words } from "../texts/gate";
import type { Habit } from "../types";
import "./habit-form";
import { field, View } from "./view";

/** The door: first run, first habit, sign-in. */

abstract class Gate extends View {
  /** Moves on when the hub took what the form says. */
  protected async pass(event: SubmitEvent, job: (form: HTMLFormElement) => Promise<void>): Promise<void> {
    if (await this.submit(event, job)) this.dispatchEvent(new Event("done"));
  }

  protected renderSubmit(label: string, hook: string): TemplateResult {
    return html`<p class="problem" role="alert">${this.problem}</p>
      <button class="primary wide" data-testid=${hook} aria-disabled=${this.working}>${label}</button>`;
  }
}

export class KairosSetup extends Gate {
  /** A link of the hub may carry the code behind the hash, which no server sees. */
  private readonly code = /^#\/setup\/([\w-]+)/.exec(location.hash)?.[1] ?? "";

  protected override render(): TemplateResult {
    return html`<main class="gate">
      <header class="hello">${mark("mark mark-large")}<p class="step">${words.step(1, 2)}</p><h1>${words.setupTitle}</h1></header>
      <form class="card" @submit=${(event: SubmitEvent) => this.pass(event, (form) => this.create(form))}>
        <label class="field"><span>${words.setupCode}</span>
          <input data-testid="setup-code" name="code" .value=${this.code} required autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" aria-describedby="code-hint" ?data-focus=${!this.code} />
          <small id="code-hint">${words.setupCodeHint}</small></label>
        <label class="field"><span>${words.yourName}</span><input data-testid="setup-name" name="name" required maxlength="100" autocomplete="name" /></label>
        <label class="field"><span>${t.email}</span><input data-testid="setup-email" name="email" type="email" required autocomplete="username" /></label>
        <label class="field"><span>${t.password}</span>
          <input data-testid="setup-password" name="password" type="password" required minlength="8" autocomplete="new-password" aria-describedby="password-hint" />
          <small id="password-hint">${words.passwordHint}</small></label>
        ${this.renderSubmit(words.continue, "setup-submit")}
      </form>
    </main>`;
  }

  private async create(form: HTMLFormElement): Promise<void> {
    await api.setup({
      setup_code: field(form, "code"),
      display_name: field(form, "name"),
      email: field(form, "email"),
      // As typed: a space may be part of a password.
      password: String(new FormData(form).get("password") ?? ""),
    });
    if (location.hash.startsWith("#/setup")) history.replaceState(null, "", "#/today");
  }
}

export class KairosFirstHabit extends View {
  static override properties = { name: {} };
  declare name: string;
  /** The first habit, once it is there. */
  private made: Habit | null = null;

  protected override render(): TemplateResult {
    const done = () => this.dispatchEvent(new Event("done"));
    if (this.made) return this.renderButton(this.made, done);
    return html`<main class="gate">
      <header class="hello">${mark("mark mark-large")}<p class="step">${words.step(2, 2)}</p><h1>${words.firstTitle(this.name)}</h1><p class="lead">${words.firstLead}</p></header>
      <div class="card">
        <kairos-habit-form .first=${true} @done=${(event: CustomEvent<Habit>) => this.paint(() => (this.made = event.detail))}></kairos-habit-form>
        <button class="quiet wide" @click=${done}>${words.later}</button>
      </div>
    </main>`;
  }

  /** A habit is there; a button makes it one press away. */
  private renderButton({ name }: Habit, done: () => void): TemplateResult {
    const add = () => {
      location.hash = "#/devices/first";
      done();
    };
    return html`<main class="gate">
      <header class="hello">${mark("mark mark-large")}<h1>${t.added(name)}</h1><p class="lead">${devices.noDevicesLead}</p></header>
      <div class="card">
        <button class="primary wide" data-testid="first-button" data-focus @click=${add}>${devices.addButton}</button>
        <button class="quiet wide" data-testid="first-later" @click=${done}>${words.later}</button>
      </div>
    </main>`;
  }
}

export class KairosLogin extends Gate {
  static override properties = { waiting: { attribute: false } };
  /** How many changes wait to be sent by a person whose session has ended; null: nobody's has. */
  declare waiting: number | null;

  /** Who was here has deleted their account. */
  private readonly farewell = farewell();

  /** How it stands, for who cannot look any more. */
  private renderFarewell({ server, there }: Farewell): TemplateResult {
    return html`<header class="hello" role="status" data-testid="farewell">${mark("mark mark-large")}<h1>${words.goodbyeTitle}</h1>
      <p class="lead">${words.goodbye}</p>
      ${server ? html`<p class="lead">${words.goodbyeServer}</p>` : nothing}
      ${there ? html`<p class="lead" data-testid="farewell-there">${words.goodbyeThere}</p>` : nothing}
      <p class="lead">${words.goodbyeEnd}</p></header>`;
  }

  protected override render(): TemplateResult {
    return html`<main class="gate">
      ${this.farewell ? this.renderFarewell(this.farewell) : html`<header class="hello">${mark("mark mark-large")}<h1>${words.signInTitle}</h1>
        ${typeof this.waiting === "number" ? html`<p class="lead" role="status">${words.signInAgain(this.waiting)}</p>` : nothing}</header>`}
      <form class="card" @submit=${(event: SubmitEvent) => this.pass(event, (form) => session.signIn(field(form, "email"), String(new FormData(form).get("password") ?? "")))}>
        <label class="field"><span>${t.email}</span><input data-testid="login-email" name="email" type="email" required autocomplete="username" ?data-focus=${!this.farewell} /></label>
        <label class="field"><span>${t.password}</span><input data-testid="login-password" name="password" type="password" required autocomplete="current-password" /></label>
        ${this.renderSubmit(words.signIn, "login-submit")}
      </form>
    </main>`;
  }
}

customElements.define("kairos-setup", KairosSetup);
customElements.define("kairos-first-habit", KairosFirstHabit);
customElements.define("kairos-login", KairosLogin);
