import { html, nothing, svg, type TemplateResult } from "lit";
import { amount, t } from "../i18n";
import { check, leaf, minus, plus, rest, steps as stepsIcon } from "../icons";
import { forward, pause, play } from "../icons-pages";
import { api, session } from "../session";
import { words } from "../texts/routines";
import type { DayEvent, Habit, List, Run, RunAnswer, RunStep, StepResult } from "../types";
import { clock, minutes } from "./format";
import { HubPage } from "./hub-page";
import { choose, doneSteps, elapsed, eventOf, isOver, isThrough, nextStep, progress, skippedSteps } from "./run-logic";

const PARTS = [25, 50, 75];
const DAY_MS = 86_400_000;

/** A run, step by step, the same on every screen: whatever moves it elsewhere shows here. */
export class KairosRoutineRun extends HubPage {
  private run: Run | null = null;
  private known = false;
  private habits = new Map<string, Habit>();
  /** How far the hub's clock is before this one, in ms. */
  private ahead = 0;
  private partly = false;
  private asksToLeave = false;
  /** What the present step, which is counted, is to be answered with; null: one step of it. */
  private value: number | null = null;
  private undone = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => void this.refresh());
    this.every(1_000, () => this.run?.status === "IN_PROGRESS" && this.requestUpdate());
  }

  protected override async load(): Promise<void> {
    if (this.habits.size === 0) void this.loadHabits();
    const { run } = await api.get<{ run: Run | null }>("/api/routines/current");
    const shown = this.run && run?.id !== this.run.id ? await api.get<Run>(`/api/routines/runs/${this.run.id}`) : null;
    this.take(choose(shown, run));
    this.known = true;
  }

  /** Their units and steps, which a run does not tell. Without them the page counts in ones. */
  private async loadHabits(): Promise<void> {
    try {
      const habits = await session.model.habits();
      this.paint(() => (this.habits = new Map(habits.map((habit) => [habit.id, habit]))));
    } catch {
      // The next look asks again.
    }
  }

  private take(run: Run | null): void {
    if (run?.current?.habit_id !== this.run?.current?.habit_id || run?.id !== this.run?.id) {
      this.partly = false;
      this.value = null;
    }
    if (run?.id !== this.run?.id) this.undone = false;
    this.paint(() => (this.run = run));
  }

  private async move(verb: "pause" | "resume" | "finish" | "abandon"): Promise<void> {
    const run = this.run;
    if (!run) return;
    this.asksToLeave = false;
    await this.work(async () => this.take((await api.post<RunAnswer>(`/api/routines/runs/${run.id}/${verb}`)).run));
    await this.refresh();
  }

  /** Answers the step that is on the screen, and with the last one finishes the run. */
  private async answer(result: StepResult, value?: number): Promise<void> {
    const run = this.run;
    const step = run?.current;
    if (!run || !step) return;
    const body = { result, habit_id: step.habit_id, ...(value === undefined ? {} : { value }) };
    const told = await this.work(async () => {
      const after = (await api.post<RunAnswer>(`/api/routines/runs/${run.id}/step`, body)).run;
      // The next step began when the hub answered.
      if (after.current?.began_at) this.ahead = after.current.began_at - Date.now();
      this.take(after);
    });
    if (told && this.run && isThrough(this.run)) await this.move("finish");
    // Another screen may have been quicker: what the hub says counts.
    else if (!told) await this.refresh();
  }

  private done(): void {
    const step = this.run?.current;
    const counted = step && this.habits.get(step.habit_id)?.kind === "measurable";
    void this.answer("done", counted && this.value !== null ? this.value : undefined);
  }

  /** Takes the deeds of this run back, one by one, and nothing else of the day. */
  private async undo(): Promise<void> {
    const run = this.run;
    if (!run) return;
    await this.work(async () => {
      for (const step of run.steps) if (step.result !== null) await this.undoStep(step);
      this.undone = true;
    });
  }

  private async undoStep(step: RunStep): Promise<void> {
    const today = session.model.today?.date ?? new Date().toISOString().slice(0, 10);
    const yesterday = new Date(Date.parse(`${today}T12:00:00Z`) - DAY_MS).toISOString().slice(0, 10);
    // A run may last past midnight, or past the hour at which a person's day begins.
    for (const date of [today, yesterday]) {
      const { items } = await api.get<List<DayEvent>>(`/api/habits/${step.habit_id}/days/${date}/events`);
      const event = eventOf(step, items);
      if (event) {
        await session.model.act({ habit_id: step.habit_id, date }, "undo", { event_id: event.id });
        return;
      }
    }
  }

  protected override render(): TemplateResult {
    const run = this.run;
    if (!this.known) return html`${this.renderHead(words.title, "", "#/routines")}${this.renderWaiting()}`;
    if (!run) return this.renderNothing();
    if (run.status === "ABANDONED") return this.renderLeft();
    return isOver(run) ? this.renderSummary(run) : this.renderRun(run);
  }

  private renderNothing(): TemplateResult {
    return html`${this.renderHead(words.title, "", "#/routines")}
      <div class="empty">${stepsIcon()}<h2>${words.nothingRuns}</h2><p>${words.nothingRunsLead}</p></div>
      <a class="primary wide" href="#/routines">${words.toList}</a>`;
  }

  private renderLeft(): TemplateResult {
    return html`<section class="run-end" data-testid="run-left">${rest()}<p class="lead">${words.left}</p></section>
      <a class="primary wide" href="#/routines">${words.toList}</a>`;
  }

  private renderRun(run: Run): TemplateResult {
    const { answered } = progress(run);
    const paused = run.status === "PAUSED";
    return html`<section class="run ${paused ? "is-paused" : ""}" data-testid="run" data-run-id=${run.id} data-status=${run.status} data-step=${run.current_step_index}>
        <header class="run-head">
          <p class="eyebrow">${run.routine ?? words.aRoutine}</p>
          ${this.renderProgress(run)}
        </header>
        ${isThrough(run) ? this.renderThrough() : this.renderStep(run)}
        <div class="run-more">
          ${paused || isThrough(run) ? nothing : html`<button class="quiet" data-testid="run-pause" aria-disabled=${this.working} @click=${() => this.move("pause")}>${pause()}${words.pause}</button>`}
          ${answered > 0 && !isThrough(run) ? html`<button class="quiet" data-testid="run-finish-here" aria-disabled=${this.working} @click=${() => this.move("finish")}>${check()}${words.finishHere}</button>` : nothing}
          <button class="quiet" data-testid="run-leave" aria-disabled=${this.working} @click=${() => (answered > 0 ? this.paint(() => (this.asksToLeave = true)) : this.move("abandon"))}>${words.leave}</button>
        </div>
      </section>
      ${this.asksToLeave
        ? this.renderAsk({ title: words.leaveAsk, text: words.leaveLead, yes: words.leave, hook: "run-leave-yes" }, () => void this.move("abandon"), () => this.paint(() => (this.asksToLeave = false)))
        : nothing}`;
  }

  private renderProgress(run: Run): TemplateResult {
    const n = Math.min(run.current_step_index + 1, run.steps.length);
    return html`<div class="run-bar" role="img" aria-label=${words.stepOf(n, run.steps.length)}>
      ${run.steps.map((step, i) => html`<span class="seg ${step.result ? `is-${step.result}` : i === run.current_step_index ? "is-now" : ""}"></span>`)}
    </div>
    <p class="run-count" aria-hidden="true">${words.stepOf(n, run.steps.length)}</p>`;
  }

  private renderStep(run: Run): TemplateResult {
    const step = run.current;
    const paused = run.status === "PAUSED";
    const after = nextStep(run);
    return html`<div class="run-now">
        ${this.renderTime(run)}
        <h1 class="run-name" aria-live="polite" data-testid="run-step">${step?.name}</h1>
        <p class="lead">${paused ? words.restsLead : after ? words.then(after.name ?? "…") : words.last}</p>
      </div>
      ${paused
        ? html`<button class="primary wide run-big" data-testid="run-resume" aria-disabled=${this.working} @click=${() => this.move("resume")}>${play()}${words.goOn}</button>`
        : this.renderAnswers(step?.habit_id ?? "")}`;
  }

  private renderTime(run: Run): TemplateResult {
    const seconds = elapsed(run, Date.now(), this.ahead);
    const meant = run.current?.seconds ?? 0;
    const part = meant > 0 ? Math.min(1, seconds / meant) * 100 : 0;
    return html`<div class="run-time" aria-hidden="true">
      <svg viewBox="0 0 120 120">
        <circle class="ring-all" cx="60" cy="60" r="55" />
        ${part > 0 ? svg`<circle class="ring-part" cx="60" cy="60" r="55" pathLength="100" stroke-dasharray="${part} 100" transform="rotate(-90 60 60)" />` : nothing}
      </svg>
      <span><b>${run.status === "PAUSED" ? rest() : clock(seconds)}</b>${meant > 0 ? html`<small>${words.timeOf(minutes(meant))}</small>` : nothing}</span>
    </div>`;
  }

  private renderAnswers(habitId: string): TemplateResult {
    const habit = this.habits.get(habitId);
    const counted = habit?.kind === "measurable";
    return html`${counted ? this.renderAmount(habit) : nothing}
      <button class="primary wide run-big" data-testid="run-done" aria-disabled=${this.working} @click=${this.done}>${check()}${words.done}</button>
      ${this.partly
        ? html`<div class="ideas run-parts" role="group" aria-label=${words.partly}>${PARTS.map(
            (n) => html`<button class="chip" aria-disabled=${this.working} @click=${() => this.answer("partial", n)}>${words.percent(n)}</button>`,
          )}</div>`
        : nothing}
      <div class="run-side">
        <button class="quiet" data-testid="run-skip" aria-disabled=${this.working} @click=${() => this.answer("skip")}>${forward()}${words.skip}</button>
        ${counted ? nothing : html`<button class="quiet" data-testid="run-partly" aria-expanded=${String(this.partly)} aria-disabled=${this.working} @click=${() => this.paint(() => (this.partly = !this.partly))}>${words.partly}</button>`}
      </div>`;
  }

  private renderAmount(habit: Habit): TemplateResult {
    const step = habit.step ?? 1;
    const value = this.value ?? step;
    const set = (to: number) => () => this.paint(() => (this.value = Math.max(step, to)));
    return html`<div class="run-amount" role="group" aria-label=${words.amount}>
      <button class="round" ?disabled=${value <= step} aria-label=${t.less(habit.name)} @click=${set(value - step)}>${minus()}</button>
      <output aria-live="polite"><b>${amount(value)}</b> ${habit.unit ?? ""}</output>
      <button class="round" aria-label=${t.more(habit.name)} @click=${set(value + step)}>${plus()}</button>
    </div>`;
  }

  private renderThrough(): TemplateResult {
    return html`<div class="run-now">${leaf()}<h1 class="run-name">${words.through}</h1><p class="lead">${words.throughLead}</p></div>
      <button class="primary wide run-big" data-testid="run-finish" aria-disabled=${this.working} @click=${() => this.move("finish")}>${check()}${words.finish}</button>`;
  }

  private renderSummary(run: Run): TemplateResult {
    const done = doneSteps(run).length;
    const undoable = !this.undone && done + skippedSteps(run).length > 0;
    return html`<section class="run-end" data-testid="run-summary">
        ${leaf()}
        <h1>${run.routine ?? words.aRoutine}</h1>
        <p class="lead" role="status">${this.undone ? words.didUndo : done > 0 ? html`<b>${words.finishedSome(done)}</b> ${words.finishedMore}` : words.finishedNone}</p>
      </section>
      ${this.undone ? nothing : html`<ul class="card run-list">${run.steps.map((step) => this.renderResult(step))}</ul>`}
      <a class="primary wide" href="#/today">${t.today}</a>
      ${undoable ? html`<button class="quiet wide" data-testid="run-undo" aria-disabled=${this.working} @click=${this.undo}>${words.undoAll}</button>` : nothing}`;
  }

  private renderResult(step: RunStep): TemplateResult {
    const said = { done: words.wasDone, skip: words.wasSkipped, partial: words.wasPartly(step.value ?? 0) };
    const icon = step.result === "done" || step.result === "partial" ? check() : step.result === "skip" ? rest() : nothing;
    return html`<li class="is-${step.result ?? "open"}"><span class="run-mark">${icon}</span><span>${step.name ?? "…"}</span>
      <span class="line">${step.result ? said[step.result] : words.wasOpen}</span></li>`;
  }
}

customElements.define("kairos-routine-run", KairosRoutineRun);
