import { html, nothing, svg, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { amount, t } from "../i18n";
import { check, leaf } from "../icons";
import { session, toastError } from "../session";
import { words } from "../texts/watch";
import type { Habit, TodayItem } from "../types";
import { View } from "./view";
import "./watch.css";
import { type Fresh, type Row, rows, tally, toDo } from "./watch-logic";

/** How long an undo is offered. */
const UNDO_MS = 5_000;

/** A watch, or any small corner: the next three habits, one tap each, and the same place takes it back. */
export class KairosWatch extends View {
  private fresh = new Map<string, Fresh>();
  private busy = new Set<string>();
  private standing: string[] = [];
  private habits = new Map<string, Habit>();

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "today", () => this.requestUpdate());
    this.follow(session.model, "rows", () => void this.load());
    void this.load();
  }

  /** That an amount is not to be passed stands in the habit, not in the day. */
  private async load(): Promise<void> {
    try {
      const habits = await session.model.habits();
      this.paint(() => (this.habits = new Map(habits.map((habit) => [habit.id, habit]))));
    } catch {
      // The hub is away; the next change of rows asks again.
    }
  }

  /** It keeps its place from the tap on: the day's view arrives before the answer does. */
  private async tap(item: TodayItem): Promise<void> {
    await this.once(item.habit_id, async () => {
      this.fresh.set(item.habit_id, { item, event: null });
      try {
        const receipt = await session.model.act(item, "complete");
        this.keep({ item: receipt.habit, event: receipt.event_id });
      } catch (error) {
        this.fresh.delete(item.habit_id);
        throw error;
      }
    });
  }

  /** Offers an undo for a while. */
  private keep(fresh: Fresh): void {
    const id = fresh.item.habit_id;
    this.fresh.set(id, fresh);
    setTimeout(() => {
      if (this.fresh.get(id) === fresh) this.paint(() => this.fresh.delete(id));
    }, UNDO_MS);
  }

  private async undo(item: TodayItem): Promise<void> {
    const event = this.fresh.get(item.habit_id)?.event;
    await this.once(item.habit_id, async () => {
      await session.model.act(item, "undo", event ? { event_id: event } : {});
      this.fresh.delete(item.habit_id);
    });
  }

  private async once(id: string, job: () => Promise<void>): Promise<void> {
    if (this.busy.has(id)) return;
    this.paint(() => this.busy.add(id));
    try {
      await job();
    } catch (error) {
      toastError(error);
    } finally {
      this.paint(() => this.busy.delete(id));
    }
  }

  protected override render(): TemplateResult {
    const day = session.model.today;
    if (!day) return html`<p class="lead watch-quiet" role="status">${t.loading}</p>`;
    const today = toDo(day, this.habits);
    const list = rows(today, this.fresh, this.standing);
    this.standing = list.map((row) => row.item.habit_id);
    const { done, total, open } = tally(today);
    const beyond = open - list.filter((row) => row.kind === "open").length;
    return html`<section class="watch"><h1 class="off-screen">${words.title}</h1>
      <a class="watch-head" href="#/today" aria-label="${words.toToday}. ${total > 0 ? t.progressLabel(done, total) : words.none}">
        <span>${total > 0 ? words.of(done, total) : ""}</span>
        <svg viewBox="0 0 24 24" aria-hidden="true"><circle class="ring-all" cx="12" cy="12" r="9" />
          ${done > 0 ? svg`<circle class="ring-part" cx="12" cy="12" r="9" pathLength="100" stroke-dasharray="${(100 * done) / total} 100" transform="rotate(-90 12 12)" />` : nothing}</svg>
      </a>
      ${list.length > 0
        ? html`<ul>${repeat(list, (row) => row.item.habit_id, (row) => this.renderRow(row))}</ul>`
        : html`<p class="watch-quiet">${leaf()}<span>${total > 0 ? words.all : words.none}</span></p>`}
      ${beyond > 0 ? html`<p class="watch-more">${words.more(beyond)}</p>` : nothing}
    </section>`;
  }

  private renderRow({ kind, item }: Row): TemplateResult {
    const counted = item.kind === "measurable" && item.target;
    const count = counted ? `${amount(item.value ?? 0)} / ${amount(item.target ?? 0)}` : "";
    const done = kind === "fresh";
    return html`<li data-testid="watch-item" data-habit-id=${item.habit_id} data-fresh=${String(done)}>
      <button class="watch-tap ${done ? "is-done" : ""}" aria-disabled=${this.busy.has(item.habit_id)}
        title=${done ? words.undoOf(item.name) : t.complete(item.name)} @click=${() => (done ? this.undo(item) : this.tap(item))}>
        <span class="watch-dot">${done ? check() : nothing}</span>
        <span class="watch-name">${item.name}</span>
        ${done ? html`<span class="watch-undo">${count || nothing} ${t.undo}</span>` : count ? html`<span class="watch-count">${count}</span>` : nothing}
      </button>
    </li>`;
  }
}

customElements.define("kairos-watch", KairosWatch);
