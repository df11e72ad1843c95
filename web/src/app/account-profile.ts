import { html, nothing, type TemplateResult } from "lit";
import { locale, t } from "../i18n";
import { api, session, toast } from "../session";
import type { Me } from "../types";
import { words } from "../texts/account";
import { zones } from "./account-words";
import { field, View } from "./view";

interface Preferences {
  show_streaks: boolean;
  show_score: boolean;
}

/** The latest hour a day may begin at. */
const NOON = 720;
const STEP = 30;

/** Who one is, and what one likes to see. Both are the hub's to keep, so it has to be there for a change. */
export class KairosProfile extends View {
  private preferences: Preferences | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session, "state", () => this.requestUpdate());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const preferences = await api.get<Preferences>("/api/me/preferences");
      this.paint(() => (this.preferences = preferences));
    } catch {
      // The hub is away: nothing is shown that could not be changed.
    }
  }

  private async save(form: HTMLFormElement): Promise<void> {
    const changes = {
      display_name: field(form, "name"), tz: field(form, "tz"), day_start_min: Number(field(form, "start")), week_start: Number(field(form, "week")),
    };
    session.changed(await api.patch<Me>("/api/me", changes));
    toast(words.saved);
  }

  private async prefer(name: keyof Preferences, on: boolean): Promise<void> {
    await this.work(async () => {
      this.preferences = await api.patch<Preferences>("/api/me/preferences", { [name]: on });
    }, "here");
  }

  protected override render(): TemplateResult {
    const { me } = session;
    if (!me) return html``;
    return html`<section class="account-part" aria-labelledby="profile-title">
        <h2 id="profile-title">${words.profileTitle}</h2>
        <form class="card" @submit=${(event: SubmitEvent) => this.submit(event, (form) => this.save(form))}>
          <label class="field"><span>${words.name}</span><input name="name" data-testid="profile-name" required maxlength="100" autocomplete="name" .defaultValue=${me.display_name} /></label>
          <label class="field"><span>${words.tz}</span><select name="tz" data-testid="profile-tz">${zones(me.tz).map(({ tz, name, own }) => option(tz, name, own))}</select></label>
          <div class="pair">
            <label class="field"><span>${words.dayStart}</span><select name="start" data-testid="profile-start">${starts(me.day_start_min).map((min) => option(String(min), clock(min), min === me.day_start_min))}</select></label>
            <label class="field"><span>${words.weekStart}</span><select name="week" data-testid="profile-week">${[1, 2, 3, 4, 5, 6, 7].map((day) => option(String(day), weekdayName(day), day === me.week_start))}</select></label>
          </div>
          <p class="hint">${words.dayStartHint}</p>
          <p class="problem" role="alert">${this.problem}</p>
          <button class="primary wide" data-testid="profile-save" aria-disabled=${this.working}>${t.save}</button>
        </form>
      </section>
      ${this.preferences ? this.renderPreferences(this.preferences) : nothing}`;
  }

  private renderPreferences(preferences: Preferences): TemplateResult {
    const tick = (name: keyof Preferences, text: string) => html`<label class="tick"><input type="checkbox" data-testid=${name} .checked=${preferences[name]} aria-disabled=${this.working}
      @click=${(event: Event) => this.working && event.preventDefault()}
      @change=${(event: Event) => this.prefer(name, (event.target as HTMLInputElement).checked)} /><span>${text}</span></label>`;
    return html`<section class="account-part" aria-labelledby="preferences-title">
      <h2 id="preferences-title">${words.preferencesTitle}</h2>
      <div class="card"><p class="hint">${words.preferencesLead}</p>${tick("show_streaks", words.runs)} ${tick("show_score", words.score)}</div>
    </section>`;
  }
}

function option(value: string, text: string, selected: boolean): TemplateResult {
  return html`<option value=${value} ?selected=${selected}>${text}</option>`;
}

function starts(own: number): number[] {
  const hours = Array.from({ length: NOON / STEP + 1 }, (_, n) => n * STEP);
  return [...new Set([...hours, own])].sort((a, b) => a - b);
}

function clock(minutes: number): string {
  return new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", timeZone: "UTC" }).format(minutes * 60_000);
}

/** 1 is Monday; 1970-01-05 was one. */
function weekdayName(day: number): string {
  return new Intl.DateTimeFormat(locale, { weekday: "long", timeZone: "UTC" }).format(Date.UTC(1970, 0, 4 + day));
}

customElements.define("kairos-profile", KairosProfile);
