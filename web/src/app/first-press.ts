import { html, nothing, svg, type TemplateResult } from "lit";
import { check, mark } from "../icons";
import { api, session } from "../session";
import { words } from "../texts/devices";
import type { Device, Habit, List, Today } from "../types";
import "./devices.css";
import { type Press, pressOf } from "./press-line";
import { View } from "./view";

const LOOK_MS = 1_500;

/**
 * Waits for a new button's first press, wherever it comes from, and is glad when it is here. Fires `pressed`.
 *
 * The day's own events are asked for: they hold each press, also one that changes nothing since the habit was done already.
 */
export class KairosFirstPress extends View {
  static override properties = { deviceId: { attribute: false }, name: { attribute: false }, habit: { attribute: false } };
  declare deviceId: string;
  declare name: string;
  declare habit: Habit;
  private press: (Press & { date: string }) | null = null;
  private here = false;
  private looking = false;
  private tookBack = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.every(LOOK_MS, () => document.hidden || void this.look());
    // Where the page hears of a change at once, the joy does not wait for the next look.
    this.follow(session.model, "today", () => void this.look());
  }

  private async look(): Promise<void> {
    if (this.press || this.looking) return;
    this.looking = true;
    try {
      const date = session.model.today?.date ?? (await api.get<Today>("/api/today")).date;
      const [{ items }, devices] = await Promise.all([
        api.get<List<Press>>(`${this.at}/days/${date}/events`),
        this.here ? null : api.get<List<Device>>("/api/devices"),
      ]);
      const press = pressOf(this.deviceId, items);
      if (press && this.isConnected) this.glad({ ...press, date });
      const device = devices?.items.find((one) => one.device_id === this.deviceId);
      if (device?.online || device?.last_seen_at) this.paint(() => (this.here = true));
    } catch {
      // The hub is away for a moment; the next look is near.
    } finally {
      this.looking = false;
    }
  }

  private get at(): string {
    return `/api/habits/${encodeURIComponent(this.habit.id)}`;
  }

  private glad(press: Press & { date: string }): void {
    this.paint(() => (this.press = press));
    this.dispatchEvent(new Event("pressed"));
  }

  /** Who only tried the button has not done the habit. */
  private async takeBack({ date, id }: Press & { date: string }): Promise<void> {
    await this.work(async () => {
      await api.post(`${this.at}/undo`, { date, event_id: id });
      this.tookBack = true;
    }, "here");
  }

  protected override render(): TemplateResult {
    const { press } = this;
    if (!press) {
      return html`<section class="first-press" aria-labelledby="press-title">
        ${mark("mark breathing")}
        <div><h3 id="press-title">${words.now}</h3><p class="line">${words.nowLead(this.habit.name)}</p>
          <p class="hint" role="status" data-testid="press-waiting">${this.here ? words.connected : words.waiting}</p></div>
      </section>`;
    }
    return html`<div class="pressed joy" role="status" data-testid="first-pressed">
        <span class="dot"><svg viewBox="0 0 48 48" aria-hidden="true">${svg`<circle class="pressed-all" cx="24" cy="24" r="20" /><circle class="ring-glow" cx="24" cy="24" r="20" />`}</svg>${check()}</span>
        <h2>${words.arrived}</h2>
        <p class="lead">${this.tookBack ? words.tookBack : words.arrivedLead(this.name, this.habit.name)}</p>
      </div>
      <p class="problem" role="alert">${this.problem}</p>
      ${this.tookBack ? nothing : html`<button type="button" class="quiet wide" data-testid="press-undo" aria-disabled=${this.working} @click=${() => this.takeBack(press)}>${words.takeBack}</button>`}`;
  }
}

customElements.define("kairos-first-press", KairosFirstPress);
