import { html, nothing, type TemplateResult } from "lit";
import { leaf } from "../icons";
import { api, session, toast } from "../session";
import { LATER } from "../sync/able";
import { words } from "../texts/recovery";
import type { List, Offer, WayBack } from "../types";
import { field, View } from "./view";
import "./recovery.css";

/** A way back, one at a time and only while the hub offers one; "not now" is good until tomorrow. */
export class KairosRecovery extends View {
  private offers: Offer[] = [];
  private open = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => void this.load());
    // The deed itself answers a short gap.
    this.follow(window, "kairos-deed", () => void this.load());
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const { items } = await api.get<List<Offer>>("/api/recovery?status=PENDING");
      this.paint(() => (this.offers = items));
    } catch {
      // Without the hub there is no offer, and nobody needs to hear that.
    }
  }

  /** Whose day it is, too: others who share this browser are asked. */
  private get day(): string {
    return `${session.model.today?.date} ${session.me?.user_id}`;
  }

  private get offer(): Offer | undefined {
    return putOff() === this.day ? undefined : this.offers[0];
  }

  private later(): void {
    try {
      localStorage.setItem(LATER, this.day);
    } catch {
      // A browser that keeps nothing asks again next time.
    }
    this.paint(() => (this.offers = []));
  }

  private async answer(offer: Offer, action: WayBack): Promise<void> {
    const form = this.querySelector("form");
    const blockers = form ? new FormData(form).getAll("blocker").map(String) : [];
    const notes = form ? field(form, "notes") : "";
    await this.work(async () => {
      await api.post(`/api/recovery/${offer.id}/answer`, { action, ...(blockers.length ? { blockers } : {}), ...(notes ? { notes } : {}) });
      this.offers = this.offers.filter((other) => other.id !== offer.id);
      this.open = false;
      this.say(offer, action);
    }, "here");
  }

  private say(offer: Offer, action: WayBack): void {
    const wakes = action === "PAUSE" || action === "ARCHIVE";
    const wake = () => void session.model.changeHabit(offer.habit_id, { status: "ACTIVE" });
    toast(words.said[action](offer.habit_name ?? ""), wakes ? wake : undefined);
    if (action === "SIMPLIFY") location.hash = `#/habits/${encodeURIComponent(offer.habit_id)}/edit/small`;
  }

  protected override render(): TemplateResult | typeof nothing {
    const offer = this.offer;
    if (!offer) return nothing;
    const long = offer.type === "RELAPSE";
    const name = offer.habit_name ?? "";
    return html`<section class="card recovery" data-testid="recovery" aria-labelledby="recovery-title">
      <div class="recovery-head">${leaf()}
        <div><h2 id="recovery-title">${long ? words.long(name) : words.short(name)}</h2>
        <p class="lead">${long ? words.longLead : words.shortLead}</p></div></div>
      ${this.open ? this.renderWays(offer) : nothing}
      <div class="recovery-foot">
        ${this.open ? nothing : html`<button class="primary" data-testid="recovery-open" @click=${() => this.paint(() => (this.open = true))}>${words.choose}</button>`}
        <button class="quiet" data-testid="recovery-later" @click=${this.later}>${words.later}</button>
      </div>
    </section>`;
  }

  private renderWays(offer: Offer): TemplateResult {
    const ways = Object.entries(words.ways) as [WayBack, string[]][];
    return html`<details class="fold"><summary>${words.tell}</summary>
        <form @submit=${(event: Event) => event.preventDefault()}>
          <div class="ideas">
            ${Object.entries(words.blockers).map(([blocker, text]) => html`<label class="chip chip-tick"><input type="checkbox" name="blocker" value=${blocker} /><span>${text}</span></label>`)}
          </div>
          <label class="field"><span>${words.notes}</span><textarea name="notes" rows="2" maxlength="1000"></textarea></label>
        </form>
      </details>
      <ul class="ways">
        ${ways.map(([way, [title, lead]]) => html`<li><button class="way" data-testid="recovery-${way}" aria-disabled=${this.working} @click=${() => this.answer(offer, way)}>
          <b>${title}</b><span>${lead}</span></button></li>`)}
      </ul>
      <p class="problem" role="alert">${this.problem}</p>`;
  }
}

/** The day on which somebody, and who, said "not now". */
function putOff(): string | null {
  try {
    return localStorage.getItem(LATER);
  } catch {
    return null;
  }
}

customElements.define("kairos-recovery", KairosRecovery);
