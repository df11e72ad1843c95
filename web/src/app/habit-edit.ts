import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { leaf, sun } from "../icons";
import { box, pause, trash } from "../icons-pages";
import { api, session, toast, toastError } from "../session";
import { words } from "../texts/habits";
import { words as history } from "../texts/history";
import type { Habit, HabitPatch } from "../types";
import "./breaks";
import { changes, readFields } from "./habit-draft";
import "./habit-fields";
import { field, View } from "./view";

/** Changes a habit: what it is, whether it rests, its breaks, and its end. */
export class KairosHabitEdit extends View {
  static override properties = { habitId: { attribute: false }, small: { attribute: false } };
  declare habitId: string;
  /** Whether somebody comes from an offer to make it smaller. */
  declare small: boolean;
  private habit: Habit | null | undefined;
  private away = false;
  private removing = false;
  /** What the habit is tied to, as the form has it now; null until it is changed there. */
  private tie: string | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => void this.load());
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const habits = await session.model.habits();
      this.paint(() => (this.habit = habits.find((habit) => habit.id === this.habitId) ?? null));
    } catch {
      this.paint(() => (this.away = true));
    }
  }

  private get home(): string {
    return `#/habits/${encodeURIComponent(this.habitId)}`;
  }

  private async save(form: HTMLFormElement, habit: Habit): Promise<void> {
    const patch = changes(habit, this.read(form, habit));
    if (Object.keys(patch).length > 0) await session.model.changeHabit(habit.id, patch);
    toast(words.saved(patch.name ?? habit.name));
    location.hash = this.home;
  }

  private read(form: HTMLFormElement, habit: Habit): HabitPatch {
    return {
      name: field(form, "name"),
      anchor_type: field(form, "anchor_type") as Habit["anchor_type"],
      anchor_behavior: field(form, "anchor"),
      micro_version: field(form, "small") || null,
      micro_active: field(form, "small") && field(form, "small_now") ? 1 : 0,
      ...readFields(new FormData(form), habit),
    };
  }

  private async turn(habit: Habit, status: Habit["status"], said: string): Promise<void> {
    const was = habit.status;
    await this.work(async () => {
      await session.model.changeHabit(habit.id, { status });
      toast(said, () => void session.model.changeHabit(habit.id, { status: was }).then(() => this.load(), toastError));
      await this.load();
    });
  }

  private async erase(habit: Habit): Promise<void> {
    await this.work(async () => {
      await api.delete(`/api/habits/${encodeURIComponent(habit.id)}`);
      toast(words.removed(habit.name));
      location.hash = "#/habits";
    });
    this.paint(() => (this.removing = false));
  }

  protected override refuge(): (Element | null)[] {
    return [this.querySelector(".states button")];
  }

  protected override render(): TemplateResult {
    const { habit } = this;
    if (habit === null) return html`<div class="empty">${leaf()}<h2>${history.noSuch}</h2><p>${history.noSuchLead}</p><p><a class="quiet" href="#/habits">${history.toHabits}</a></p></div>`;
    if (!habit) return html`<p class="lead" role="status">${this.away ? history.needsHub : t.loading}</p>`;
    return html`<header class="day"><div><p class="eyebrow">${words.editTitle}</p><h1>${habit.name}</h1></div></header>
      ${this.renderForm(habit)}
      <kairos-breaks .habit=${habit}></kairos-breaks>
      ${this.renderState(habit)} ${this.removing ? this.renderRemoving(habit) : nothing}`;
  }

  private renderForm(habit: Habit): TemplateResult {
    return html`<form class="card" @submit=${(event: SubmitEvent) => this.submit(event, (form) => this.save(form, habit))}>
      ${this.small ? this.renderSmall(habit) : nothing}
      <label class="field"><span>${words.name}</span>
        <input name="name" data-testid="edit-name" required maxlength="100" autocomplete="off" value=${habit.name} /></label>
      <div class="pair">
        <label class="field"><span>${words.anchorKind}</span>
          <select name="anchor_type" @change=${(event: Event) => this.paint(() => (this.tie = (event.target as HTMLSelectElement).value))}>${Object.entries(words.anchorTypes).map(([type, text]) => html`<option value=${type} ?selected=${type === habit.anchor_type}>${text}</option>`)}</select></label>
        <label class="field"><span>${words.anchors[this.tie ?? habit.anchor_type]}</span>
          <input name="anchor" data-testid="edit-anchor" maxlength="200" autocomplete="off" autocapitalize="none" value=${habit.anchor_behavior} /></label>
      </div>
      <kairos-habit-fields .habit=${habit}></kairos-habit-fields>
      ${this.small ? nothing : this.renderSmall(habit)}
      <p class="hint">${words.dated}</p>
      <p class="problem" role="alert">${this.problem}</p>
      <button class="primary wide" data-testid="edit-save" aria-disabled=${this.working}>${t.save}</button>
      <a class="quiet wide" href=${this.home}>${t.cancel}</a>
    </form>`;
  }

  private renderSmall(habit: Habit): TemplateResult {
    return html`<div class=${this.small ? "small-first" : ""}>
      <label class="field"><span>${words.small}</span>
        ${this.small
          ? html`<input name="small" data-testid="edit-small" maxlength="200" autocomplete="off" value=${habit.micro_version ?? ""} data-focus />`
          : html`<input name="small" data-testid="edit-small" maxlength="200" autocomplete="off" value=${habit.micro_version ?? ""} />`}
        <small>${this.small ? words.smallHere : words.smallHint}</small></label>
      <label class="tick"><input type="checkbox" name="small_now" ?checked=${habit.micro_active === 1} /><span>${words.smallNow}</span></label>
    </div>`;
  }

  private renderState(habit: Habit): TemplateResult {
    const { name, status } = habit;
    return html`<section class="breaks" aria-label=${words.state}><h2>${words.state}</h2>
      <ul class="list menu states">
        ${status === "ACTIVE" ? html`<li><button data-testid="edit-pause" @click=${() => this.turn(habit, "PAUSED", words.paused(name))}>${pause()}<span>${words.pause}</span></button></li>` : nothing}
        ${status === "ACTIVE"
          ? nothing
          : html`<li><button data-testid="edit-resume" @click=${() => this.turn(habit, "ACTIVE", words.wentOn(name))}>${sun()}<span>${status === "PAUSED" ? words.goOn : words.takeOut}</span></button></li>`}
        ${status === "ARCHIVED" ? nothing : html`<li><button data-testid="edit-archive" @click=${() => this.turn(habit, "ARCHIVED", words.didArchive(name))}>${box()}<span>${words.archive}</span></button></li>`}
        <li><button data-testid="edit-remove" @click=${() => this.paint(() => (this.removing = true))}>${trash()}<span>${words.remove}</span></button></li>
      </ul></section>`;
  }

  private renderRemoving(habit: Habit): TemplateResult {
    return html`<dialog aria-labelledby="removing-title" @close=${() => this.paint(() => (this.removing = false))}>
      <h2 id="removing-title">${words.removeAsk(habit.name)}</h2>
      <p class="lead">${words.removeLead}</p>
      <div class="pair">
        <form method="dialog"><button class="quiet wide" autofocus>${t.cancel}</button></form>
        <button class="primary wide" data-testid="edit-remove-yes" @click=${() => this.erase(habit)}>${words.remove}</button>
      </div>
    </dialog>`;
  }
}

customElements.define("kairos-habit-edit", KairosHabitEdit);
