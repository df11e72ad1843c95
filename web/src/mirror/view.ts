import { html, LitElement, nothing, type PropertyValues, svg, type TemplateResult } from "lit";
import { Api, MIRROR } from "../api";
import { check, icon, mark, rest } from "../icons";
import { amount, lang, locale, t } from "../i18n";
import { CallError, Live, liveUrl } from "../live";
import { onSigns } from "../patience";
import { words } from "../texts/mirror";
import type { TodayItem, WallView } from "../types";
import { reloadWhenUpdated } from "./fresh";
import { beKiosk, isInApp } from "./kiosk";
import "./out.css";
import { age, arrange, Clock, isNight, isSettled, newlyDone, pixelShift } from "./logic";
import { pair, storedToken, storeToken, type PairingState } from "./pairing";
import { type Touch, Undo } from "./undo";

/** How long a habit glows after it became done. */
const JOY_MS = 3_200;
const MESSAGE_MS = 4_000;
/** The hub must refuse this often in a row before a mirror forgets who it is. */
const REFUSALS = 3;

const out = () => icon(svg`<path d="M14.5 5.5L8 12l6.5 6.5" />`);

/** The wall: clock, the open habits, x of y. Read from two metres, touched now and then, never reloaded. */
export class KairosMirror extends LitElement {
  private readonly api = new Api();
  private readonly clock = new Clock(locale);
  private live: Live<WallView> | null = null;
  private token: string | null = null;
  private pairing: PairingState = { step: "waiting" };
  private wall: WallView | null = null;
  private joy = new Set<string>();
  private busy = new Set<string>();
  private message = "";
  private messageTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly undo = new Undo(() => this.requestUpdate());
  private refusals = 0;
  private wasLive = false;
  private shown = "";
  private readonly inApp = isInApp();

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.documentElement.lang = lang;
    beKiosk();
    setInterval(() => this.tick(), 1_000);
    onSigns(() => this.live?.nudge());
    // Who signed out on this device took the mirror with them.
    addEventListener("storage", (event) => event.key === MIRROR && event.newValue === null && this.live && this.forget());
    this.tick();
    void this.begin();
  }

  private async begin(): Promise<void> {
    this.token = storedToken();
    if (this.token === null) {
      this.token = await pair(this.api, (state) => this.paint(() => (this.pairing = state)));
      storeToken(this.token);
      this.paint(() => (this.pairing = { step: "waiting" }));
    }
    this.refusals = 0;
    this.live = new Live<WallView>({
      url: liveUrl(location),
      token: () => Promise.resolve(this.token),
      onToday: (wall) => this.receive(wall),
      onState: (state) => {
        if (state === "live") {
          this.refusals = 0;
          if (this.wasLive) void reloadWhenUpdated();
          this.wasLive = true;
        }
      },
      onRefused: () => this.refused(),
    });
    this.live.start();
  }

  private refused(): void {
    this.refusals += 1;
    if (this.refusals < REFUSALS) return;
    storeToken(null);
    this.forget();
  }

  /** Begins again with a code. */
  private forget(): void {
    this.live?.stop();
    this.live = null;
    this.paint(() => (this.wall = null));
    void this.begin();
  }

  private receive(wall: WallView): void {
    const fresh = newlyDone(this.wall, wall);
    this.paint(() => {
      this.wall = wall;
      for (const id of fresh) this.joy.add(id);
      this.settle(wall);
    });
    this.tick();
    if (fresh.length > 0) {
      setTimeout(() => this.paint(() => fresh.forEach((id) => this.joy.delete(id))), JOY_MS);
    }
  }

  /** Lets go of what the day no longer says: a joy that was taken back, an undo of yesterday. */
  private settle(wall: WallView): void {
    const done = new Set(wall.items.filter((item) => item.done).map((item) => item.habit_id));
    for (const id of this.joy) if (!done.has(id)) this.joy.delete(id);
    const touch = this.undo.touch;
    if (touch && touch.date !== wall.date) this.undo.forget(touch.habitId);
  }

  /** Once a second: dims, shifts, and renders only when the words on the wall would change. */
  private tick(): void {
    const now = new Date();
    const clock = this.clock.at(now, this.wall?.time_zone);
    const shift = pixelShift(Math.floor(now.getTime() / 60_000));
    const style = document.body.style;
    style.setProperty("--shift-x", `${shift.x}px`);
    style.setProperty("--shift-y", `${shift.y}px`);
    document.body.classList.toggle("night", isNight(clock.hour));
    const shown = `${clock.time}|${clock.date}|${this.ageText(now.getTime())}`;
    if (shown !== this.shown) this.paint(() => (this.shown = shown));
  }

  private ageText(now: number): string {
    const old = this.wall ? age(now, this.live?.lastContact ?? null) : null;
    return old ? words.wallAge(old) : "";
  }

  private paint(change: () => void): void {
    change();
    this.requestUpdate();
  }

  private say(message: string): void {
    clearTimeout(this.messageTimer);
    this.messageTimer = setTimeout(() => this.paint(() => (this.message = "")), MESSAGE_MS);
    this.paint(() => (this.message = message));
  }

  private async touch(item: TodayItem): Promise<void> {
    if (item.done) return;
    await this.act(item.habit_id, async (live) => {
      const receipt = await live.call("complete", item.habit_id);
      const { habit } = receipt;
      const text = habit.done ? habit.name : `${habit.name} ${amount(habit.value ?? 0)} / ${amount(habit.target ?? 0)}`;
      if (receipt.outcome !== "unchanged") this.undo.offer({ habitId: habit.habit_id, date: habit.date, eventId: receipt.event_id, text });
    });
  }

  private async takeBack(event: MouseEvent): Promise<void> {
    const touch: Touch | null = this.undo.take();
    if (!touch) return;
    const { habitId, date, eventId } = touch;
    await this.act(habitId, async (live) => void (await live.call("undo", habitId, { date, ...(eventId ? { event_id: eventId } : {}) })));
    // The button is gone; who came by keyboard goes on with the habit.
    if (event.detail === 0) this.rowOf(habitId)?.focus();
  }

  /** One deed on a habit at a time; what the hub says against it is said at the foot. */
  private async act(habitId: string, deed: (live: Live<WallView>) => Promise<void>): Promise<void> {
    if (!this.live || this.busy.has(habitId)) return;
    this.paint(() => this.busy.add(habitId));
    try {
      await deed(this.live);
    } catch (error) {
      const code = error instanceof CallError ? error.code : "";
      if (code === "forbidden") this.say(words.wallNotAllowed);
      else this.say(code === "timeout" || code === "busy" || code === "stopped" ? t.offline : t.somethingElse);
    } finally {
      this.paint(() => this.busy.delete(habitId));
    }
  }

  private rowOf(habitId: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(`[data-habit-id="${habitId}"] button`);
  }

  /** Rows are drawn anew in their places, and the focus goes with the habit: whoever presses twice means the same one twice. */
  protected override update(changed: PropertyValues): void {
    const row = document.activeElement?.closest<HTMLElement>("[data-habit-id]");
    const habitId = row?.dataset["habitId"];
    super.update(changed);
    if (habitId && row?.dataset["habitId"] !== habitId) this.rowOf(habitId)?.focus();
  }

  protected override render(): TemplateResult {
    const clock = this.clock.at(new Date(), this.wall?.time_zone);
    return html`${this.inApp ? html`<a class="wall-out" data-testid="mirror-out" href="/" aria-label=${words.wallOut}>${out()}</a>` : nothing}<main class="wall ${this.wall ? "" : "wall-quiet"}">
      <header class="wall-head">
        <time class="wall-time">${clock.time}</time>
        <p class="wall-date">${clock.date}</p>
        ${this.wall && this.wall.total > 0 ? this.renderProgress(this.wall) : nothing}
      </header>
      ${this.wall ? this.renderWall(this.wall) : this.renderPairing()}
      ${this.renderFoot()}
    </main>`;
  }

  /** One line: what just happened and its undo, a word, or how old all of this is. */
  private renderFoot(): TemplateResult {
    const touch = this.message ? null : this.undo.touch;
    if (touch) {
      return html`<div class="wall-foot" role="status">${check()}<span class="wall-did">${touch.text}</span>
        <button class="wall-undo" data-testid="mirror-undo" @click=${this.takeBack}>${t.undo}</button></div>`;
    }
    return html`<p class="wall-foot" role="status" data-testid="mirror-foot">${this.message || this.ageText(Date.now())}</p>`;
  }

  private renderProgress(wall: WallView): TemplateResult {
    return html`<div class="wall-progress" aria-label=${t.progressLabel(wall.done, wall.total)}>
      <p class="wall-of" data-testid="mirror-count">${words.wallOf(wall.done, wall.total)}</p>
      <svg class="wall-line" viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true">
        <path class="wall-line-all" d="M0 1h100" />
        <path class="wall-line-done" d="M0 1h100" pathLength="100" stroke-dasharray="${(100 * wall.done) / wall.total} 100" />
      </svg>
    </div>`;
  }

  private renderWall(wall: WallView): TemplateResult {
    if (wall.total === 0) return html`<p class="wall-kind">${words.wallNothing}</p>`;
    const items = arrange(wall.items);
    // The open ones come first: when the first is settled, all are, those beyond the eight included.
    const settled = items[0] !== undefined && isSettled(items[0]);
    // Not `repeat`: of each row that leaves it keeps a comment in the page (lit/lit#5298), and a wall hangs for months.
    return html`<section class="wall-body">
      ${settled ? html`<p class="wall-kind wall-all">${words.wallAllDone}</p>` : nothing}
      <ul class="wall-list" data-n=${items.length}>
        ${items.map((item) => this.renderItem(item))}
      </ul>
      ${wall.more > 0 ? html`<p class="wall-more">${words.wallMore(wall.more)}</p>` : nothing}
    </section>`;
  }

  private renderItem(item: TodayItem): TemplateResult {
    const skipped = item.type === "SKIPPED";
    const state = item.done ? "is-done" : skipped ? "is-resting" : item.type === "PARTIAL" ? "is-partial" : "is-open";
    const classes = `wall-item ${state} ${this.joy.has(item.habit_id) ? "joy" : ""} ${this.busy.has(item.habit_id) ? "busy" : ""}`;
    const part = item.target ? Math.min(1, (item.value ?? 0) / item.target) : 0;
    return html`<li data-testid="mirror-item" data-habit-id=${item.habit_id} data-done=${String(item.done)}>
      <button class=${classes} aria-disabled=${item.done} @click=${() => this.touch(item)}>
        <span class="wall-ring">
          <svg viewBox="0 0 48 48" aria-hidden="true">
            <circle class="ring-all" cx="24" cy="24" r="20" />
            ${item.done || part === 0
              ? nothing
              : svg`<circle class="ring-part" cx="24" cy="24" r="20" pathLength="100" stroke-dasharray="${part * 100} 100" transform="rotate(-90 24 24)" />`}
            <circle class="ring-glow" cx="24" cy="24" r="20" />
          </svg>
          ${item.done ? check() : skipped ? rest() : nothing}
        </span>
        <span class="wall-name">${item.name}</span>
        ${item.target && !item.done && item.kind === "measurable"
          ? html`<span class="wall-amount">${amount(item.value ?? 0)}<i>/</i>${amount(item.target)}</span>`
          : nothing}
      </button>
    </li>`;
  }

  private renderPairing(): TemplateResult {
    const state = this.pairing;
    if (state.step === "code") {
      return html`<section class="wall-pair">
        <h1>${words.wallPair}</h1>
        <p class="wall-code" data-testid="mirror-code">${state.code}</p>
        <p>${words.wallPairHow}</p>
        ${/^(localhost|127\.|\[::1\])/.test(location.hostname) ? nothing : html`<p class="wall-address">${location.host}</p>`}
      </section>`;
    }
    return html`<section class="wall-pair">
      ${mark("wall-mark")}
      <p>${state.step === "setup" ? words.wallSetup : words.wallWaiting}</p>
    </section>`;
  }
}

customElements.define("kairos-mirror", KairosMirror);
