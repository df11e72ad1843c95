import { html, nothing, type TemplateResult } from "lit";
import { words } from "../texts/habits";
import type { Habit, HabitKind } from "../types";
import { weekdayNames } from "./days";
import { activeDays, type Per, perOf, type Plan, planOf } from "./habit-draft";
import { View } from "./view";
import "./habit-fields.css";

/** What a habit is and on which days: fields of whatever form this stands in. `readFields` reads them. */
export class KairosHabitFields extends View {
  static override properties = { habit: { attribute: false } };
  /** The habit that is changed; null for a new one. */
  declare habit: Habit | null;
  private kind: HabitKind = "boolean";
  private limit = false;
  private plan: Plan = "DAILY";
  private per: Per = "week";

  override connectedCallback(): void {
    super.connectedCallback();
    const habit = this.habit ?? null;
    this.kind = habit?.kind ?? "boolean";
    this.limit = habit?.target_type === "at_most";
    this.plan = planOf(habit);
    this.per = this.plan === "QUOTA" ? perOf(habit?.freq_den ?? null) : "week";
  }

  /** Which further fields there are follows from these four. */
  private turn(event: Event): void {
    const { name, value } = event.target as HTMLSelectElement;
    this.paint(() => {
      if (name === "kind") this.kind = value as HabitKind;
      if (name === "target_type") this.limit = value === "at_most";
      if (name === "plan") this.plan = value as Plan;
      if (name === "per") this.per = value as Per;
      // Who stays away does so each day: a number of times says nothing there.
      if (this.away && this.plan === "QUOTA") this.plan = "DAILY";
    });
  }

  private get away(): boolean {
    return this.kind === "avoid" || (this.kind === "measurable" && this.limit);
  }

  protected override render(): TemplateResult {
    return html`<div @change=${this.turn}>
      ${this.select("kind", words.kind, words.kinds, this.kind)}
      ${this.kind === "measurable" ? this.renderMeasure() : nothing}
      ${this.select("plan", words.plan, this.plans, this.plan)}
      ${this.plan === "CUSTOM" ? this.renderDays() : this.plan === "QUOTA" ? this.renderQuota() : nothing}
    </div>`;
  }

  private get plans(): Record<string, string> {
    const { QUOTA, ...days } = words.plans;
    return this.away ? days : { ...days, QUOTA: QUOTA! };
  }

  private select(name: string, label: string, options: Record<string, string>, chosen: string): TemplateResult {
    return html`<label class="field"><span>${label}</span>
      <select name=${name} data-testid="habit-${name}" .value=${chosen}>
        ${Object.entries(options).map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}
      </select></label>`;
  }

  private renderMeasure(): TemplateResult {
    const { habit } = this;
    return html`<div class="pair">
        ${this.select("target_type", words.direction, words.targetTypes, this.limit ? "at_most" : "at_least")}
        <label class="field"><span>${words.target}</span><input name="target" type="number" inputmode="decimal" min=${this.limit ? "0" : "0.01"} step="any" required value=${habit?.target_value ?? 8} /></label>
      </div>
      <div class="pair">
        <label class="field"><span>${words.unit}</span><input name="unit" maxlength="30" placeholder=${words.unitExample} autocomplete="off" value=${habit?.unit ?? ""} /></label>
        <label class="field"><span>${words.step}</span><input name="step" type="number" inputmode="decimal" min="0.01" step="any" required value=${habit?.step ?? 1} /></label>
      </div>`;
  }

  private renderDays(): TemplateResult {
    const chosen = activeDays(this.habit?.active_days ?? null);
    const long = weekdayNames("long");
    return html`<fieldset class="field days"><legend>${words.chosen}</legend>
      <div class="day-chips">${weekdayNames("short").map((name, n) => html`<label class="day-chip">
        <input type="checkbox" name="day" value=${n + 1} ?checked=${chosen.includes(n + 1)} aria-label=${long[n]} /><span>${name}</span></label>`)}</div>
    </fieldset>`;
  }

  private renderQuota(): TemplateResult {
    const quota = planOf(this.habit ?? null) === "QUOTA" ? this.habit : null;
    return html`<div class="pair">
        <label class="field"><span>${words.times}</span><input name="times" type="number" inputmode="numeric" min="1" max="365" step="1" required value=${quota?.freq_num ?? 3} /></label>
        ${this.select("per", words.per, words.pers, this.per)}
      </div>
      <div class=${this.per === "days" ? "pair" : ""}>
        ${this.per === "days"
          ? html`<label class="field"><span>${words.perDays}</span><input name="den" type="number" inputmode="numeric" min="2" max="366" step="1" required value=${quota?.freq_den ?? 10} /></label>`
          : nothing}
        ${this.select("window", words.window, words.windows, quota?.freq_window ?? "calendar")}
      </div>`;
  }
}

customElements.define("kairos-habit-fields", KairosHabitFields);
