import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../i18n";
import { leaf, plus } from "../icons";
import { inOrder } from "../rules";
import { session, toast } from "../session";
import { words } from "../texts/habits";
import { words as history } from "../texts/history";
import type { Habit, TodayItem } from "../types";
import "./breaks";
import { addDays, dateText, look, type Look, stretch, sums } from "./days";
import "./habit";
import "./habit-edit";
import "./habit-form";
import { anchorText, planText } from "./habit-draft";
import { wholeDays } from "./past";
import { View } from "./view";
import "./habits.css";

/** `#/habits`, `#/habits/<id>`, `#/habits/<id>/edit` and, from an offer to make it smaller, `…/edit/small`. */
export class KairosHabits extends View {
  static override properties = { words: { attribute: false } };
  declare words: string[];

  protected override render(): TemplateResult {
    const [id, edit, small] = this.words ?? [];
    if (!id) return html`<kairos-habit-list></kairos-habit-list>`;
    // Each habit has an element of its own: nothing of one is left on the page of the next.
    return html`${repeat([id], (id) => `${id}/${edit ?? ""}`, () =>
      edit === "edit"
        ? html`<kairos-habit-edit .habitId=${id} .small=${small === "small"}></kairos-habit-edit>`
        : html`<kairos-habit .habitId=${id}></kairos-habit>`)}`;
  }
}

/** All habits, each with its last seven days. */
export class KairosHabitList extends View {
  private habits: Habit[] | null = null;
  /** The six days before today, as far as they are known. */
  private past = new Map<string, TodayItem[]>();
  private away = false;
  private adding = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "today", () => this.requestUpdate());
    this.follow(session.model, "rows", () => void this.load());
    this.follow(window, "kairos-deed", () => void this.loadPast());
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const habits = await session.model.habits();
      this.paint(() => (this.habits = inOrder(habits)));
    } catch {
      this.paint(() => (this.away = true));
      return;
    }
    await this.loadPast();
  }

  private async loadPast(): Promise<void> {
    const today = session.model.today?.date;
    if (!today) return;
    try {
      const days = await wholeDays(stretch(addDays(today, -6), addDays(today, -1)));
      this.paint(() => {
        this.past = new Map(days.map((day) => [day.date, day.items]));
        this.away = false;
      });
    } catch {
      this.paint(() => (this.away = true));
    }
  }

  protected override render(): TemplateResult {
    const of = (status: Habit["status"]) => this.habits?.filter((habit) => habit.status === status) ?? [];
    return html`<header class="day"><div><p class="eyebrow">${words.lead}</p><h1>${words.title}</h1></div></header>
      ${this.away ? html`<p class="hint" role="status">${history.needsHub}</p>` : nothing}
      ${this.habits === null ? (this.away ? nothing : html`<p class="lead" role="status">${t.loading}</p>`) : this.renderAll(of)}`;
  }

  private renderAll(of: (status: Habit["status"]) => Habit[]): TemplateResult {
    const active = of("ACTIVE");
    return html`${active.length > 0
        ? html`<ul class="list" data-testid="habit-list">${repeat(active, (habit) => habit.id, (habit) => this.renderHabit(habit))}</ul>`
        : html`<div class="empty">${leaf()}<h2>${t.noHabits}</h2><p>${t.noHabitsLead}</p></div>`}
      ${this.renderAdd()} ${this.renderFold(of("PAUSED"), words.resting, "paused")} ${this.renderFold(of("ARCHIVED"), words.archived, "archived")}
      <kairos-breaks .habit=${null}></kairos-breaks>`;
  }

  private renderHabit(habit: Habit): TemplateResult {
    const line = [planText(habit), anchorText(habit)].filter(Boolean).join(" · ");
    return html`<li><a class="habit-link" data-testid="habit-link" href="#/habits/${encodeURIComponent(habit.id)}">
      <span class="words"><span class="name">${habit.name}</span><span class="line">${line}</span></span>
      ${habit.status === "ACTIVE" ? this.renderWeek(habit) : nothing}
    </a></li>`;
  }

  /** Seven squares, today the last. */
  private renderWeek(habit: Habit): TemplateResult | typeof nothing {
    const today = session.model.today;
    if (!today || this.past.size === 0) return nothing;
    const looks = stretch(addDays(today.date, -6), today.date).map((date): [string, Look] => {
      const items = date === today.date ? today.items : this.past.get(date);
      return [date, look(items?.find((item) => item.habit_id === habit.id), habit, date === today.date)];
    });
    return html`<span class="week" role="img" aria-label=${words.weekLabel(sums(looks.map(([, one]) => one)))}>
      ${looks.map(([date, one]) => html`<span class="week-day"><span class="square is-${one}"></span><small>${dateText(date, { weekday: "narrow" })}</small></span>`)}
    </span>`;
  }

  private renderFold(habits: Habit[], title: (n: number) => string, id: string): TemplateResult | typeof nothing {
    if (habits.length === 0) return nothing;
    return html`<details class="fold" data-testid="fold-${id}"><summary>${title(habits.length)}</summary>
      <ul class="list">${repeat(habits, (habit) => habit.id, (habit) => this.renderHabit(habit))}</ul></details>`;
  }

  private renderAdd(): TemplateResult {
    const toggle = (adding: boolean) => () => this.paint(() => (this.adding = adding));
    if (!this.adding) return html`<button class="add" data-testid="habit-add" @click=${toggle(true)}>${plus()}<span>${t.addHabit}</span></button>`;
    return html`<section class="card sheet" aria-label=${t.addHabit}>
      <h2>${t.addHabit}</h2>
      <kairos-habit-form @done=${(event: CustomEvent<Habit>) => this.added(event.detail)}></kairos-habit-form>
      <button class="quiet wide" @click=${toggle(false)}>${t.cancel}</button>
    </section>`;
  }

  private added(habit: Habit): void {
    this.paint(() => (this.adding = false));
    toast(t.added(habit.name));
    void this.load();
  }
}

customElements.define("kairos-habits", KairosHabits);
customElements.define("kairos-habit-list", KairosHabitList);
