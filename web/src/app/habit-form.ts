import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { session } from "../session";
import type { Habit, NewHabit } from "../types";
import { readFields } from "./habit-draft";
import "./habit-fields";
import { field, View } from "./view";

/** "I want to … after I …": the two things a habit needs, and the rest only for who asks. */
export class KairosHabitForm extends View {
  static override properties = { first: { type: Boolean } };
  /** The first habit ever: only the sentence, no options. */
  declare first: boolean;

  protected override render(): TemplateResult {
    return html`<form @submit=${(event: SubmitEvent) => this.submit(event, (form) => this.make(form))}>
      <label class="field"><span>${t.habitName}</span>
        <input data-testid="habit-name" name="name" required maxlength="100" placeholder=${t.habitNameExample} autocomplete="off" autocapitalize="none" data-focus /></label>
      <label class="field"><span>${t.anchor}</span>
        <input data-testid="habit-anchor" name="anchor" required maxlength="200" placeholder=${t.anchorExample} autocomplete="off" autocapitalize="none" /></label>
      <div class="ideas">
        ${t.anchorIdeas.map((idea) => html`<button type="button" class="chip" @click=${() => this.take(idea)}>${idea}</button>`)}
      </div>
      ${this.first ? nothing : html`<kairos-habit-fields .habit=${null}></kairos-habit-fields>`}
      <p class="problem" role="alert">${this.problem}</p>
      <button class="primary wide" data-testid="habit-submit" aria-disabled=${this.working}>${this.first ? t.start : t.add}</button>
    </form>`;
  }

  private take(idea: string): void {
    const input = this.querySelector<HTMLInputElement>("input[name=anchor]");
    if (input) input.value = idea;
  }

  private async make(form: HTMLFormElement): Promise<void> {
    const name = field(form, "name");
    // It is typed inside a sentence and stands alone afterwards.
    const said: NewHabit = { name: name.charAt(0).toUpperCase() + name.slice(1), anchor_behavior: field(form, "anchor") };
    const row = await session.model.addHabit(this.first ? said : { ...readFields(new FormData(form), null), ...said });
    form.reset();
    this.dispatchEvent(new CustomEvent<Habit>("done", { detail: row }));
  }
}

customElements.define("kairos-habit-form", KairosHabitForm);
