import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ApiError } from "../api";
import { plus } from "../icons";
import { down, grip, trash, up } from "../icons-pages";
import { t } from "../i18n";
import { api, session, toast, toastError } from "../session";
import { hub } from "../texts/hub";
import { words } from "../texts/routines";
import type { Habit, PartOfDay, Routine, RoutineStep } from "../types";
import { lookFirst } from "./focus";
import { minutes } from "./format";
import { HubPage } from "./hub-page";
import { Draft, type Way } from "./routine-draft";
import { dropIndex } from "./run-logic";

/** Makes a routine and changes it: name, order, and the shorter or longer ways through it. */
export class KairosRoutineEdit extends HubPage {
  static override properties: PropertyDeclarations = { routineId: {} };
  declare routineId: string;
  private draft = new Draft();
  private habits: Habit[] | null = null;
  private open = "";
  private held = "";
  private gone = false;
  private asks = false;
  /** What a screen reader hears of a move. */
  private told = "";

  constructor() {
    super();
    this.routineId = "new";
  }

  private get isNew(): boolean {
    return this.routineId === "new";
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("routineId") || changed.get("routineId") === undefined) return;
    this.habits = null;
    this.draft = new Draft();
    void this.refresh();
  }

  /** Loads once: what is being edited is not pulled away under the hands. */
  protected override async load(): Promise<void> {
    if (this.habits) return;
    const [habits, routine] = await Promise.all([session.model.habits(), this.isNew ? null : this.fetch()]);
    this.gone = !this.isNew && routine === null;
    this.draft = new Draft(routine);
    this.habits = habits.filter((habit) => habit.status !== "ARCHIVED");
  }

  private async fetch(): Promise<Routine | null> {
    try {
      return await api.get<Routine>(`/api/routines/${encodeURIComponent(this.routineId)}`);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  // ---- saving

  private async save(event: SubmitEvent): Promise<void> {
    if (!(await this.submit(event, () => this.draft.write(api)))) return;
    toast(words.saved(this.draft.name));
    location.hash = "#/routines";
  }

  private async putAway(): Promise<void> {
    const { routine } = this.draft;
    if (!routine) return;
    const status = routine.status === "ARCHIVED" ? "ACTIVE" : "ARCHIVED";
    await this.work(async () => {
      await api.patch(`/api/routines/${routine.id}`, { status });
      toast(status === "ARCHIVED" ? words.isAway(routine.name) : words.isBack(routine.name));
      location.hash = "#/routines";
    });
  }

  private async delete(): Promise<void> {
    const { routine } = this.draft;
    this.asks = false;
    if (!routine) return;
    await this.work(async () => {
      await api.delete(`/api/routines/${routine.id}`);
      toast(words.deleted(routine.name), () => void bringBack(routine));
      location.hash = "#/routines";
    });
  }

  // ---- the order

  private place(from: number, to: number): void {
    const step = this.draft.steps[from];
    const n = this.draft.steps.length;
    if (!step || to < 0 || to >= n || from === to) return;
    this.paint(() => {
      this.draft.place(from, to);
      this.told = words.movedTo(step.name, to + 1, n);
    });
  }

  /** The buttons at the ends of the list go to sleep; the focus then goes to the handle of the same row. */
  private placeByKey(from: number, to: number, target: HTMLElement): void {
    const habit = this.draft.steps[from]?.habit_id;
    this.place(from, to);
    void this.updateComplete.then(() => {
      if (target.isConnected && !(target as HTMLButtonElement).disabled) target.focus();
      else this.querySelector<HTMLElement>(`[data-habit-id="${habit}"] .grip`)?.focus();
    });
  }

  private key(event: KeyboardEvent, index: number): void {
    const by = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    this.placeByKey(index, index + by, event.currentTarget as HTMLElement);
  }

  /** Rows change their places under the pointer, so the window is listened to and not the handle. */
  private grab(event: PointerEvent, habitId: string): void {
    if (event.button !== 0) return;
    event.preventDefault();
    (event.currentTarget as HTMLElement).focus();
    this.paint(() => (this.held = habitId));
    const move = (at: PointerEvent) => {
      const rows = [...this.querySelectorAll<HTMLElement>(".edit-step")];
      const from = this.draft.steps.findIndex((step) => step.habit_id === habitId);
      const middles = rows.map((row) => row.getBoundingClientRect()).map((box) => box.top + box.height / 2);
      this.place(from, dropIndex(from, at.clientY, middles));
    };
    const end = new AbortController();
    const drop = () => {
      end.abort();
      this.paint(() => (this.held = ""));
    };
    addEventListener("pointermove", move, { signal: end.signal });
    for (const type of ["pointerup", "pointercancel", "blur"]) addEventListener(type, drop, { signal: end.signal });
  }

  protected override refuge(): (Element | null)[] {
    return [this.querySelector("[data-testid=routine-add-step]")];
  }

  private addStep(event: Event): void {
    const select = event.target as HTMLSelectElement;
    const habit = this.habits?.find((h) => h.id === select.value);
    select.value = "";
    if (!habit) return;
    this.paint(() => this.draft.add(habit));
  }

  private setMinutes(step: RoutineStep, event: Event): void {
    const n = Number((event.target as HTMLInputElement).value);
    const seconds = n > 0 ? Math.round(n * 60) : null;
    this.paint(() => this.draft.change(step.habit_id, { override_duration_seconds: seconds, seconds }));
  }

  // ---- drawing

  protected override render(): TemplateResult {
    const head = this.renderHead(this.isNew ? words.newTitle : this.draft.routine?.name ?? words.aRoutine, "", "#/routines");
    if (this.gone) return html`${head}<p class="lead">${words.gone}</p>`;
    if (!this.habits) return html`${head}${this.renderWaiting()}`;
    return html`${head}
      <form class="edit" @submit=${this.save}>
        <section class="card">
          <label class="field"><span>${words.name}</span>
            <input name="name" data-testid="routine-name" required maxlength="50" autocomplete="off" placeholder=${words.nameExample} .value=${this.draft.name}
              ?data-focus=${this.isNew} @input=${(event: Event) => (this.draft.name = (event.target as HTMLInputElement).value)} /></label>
          <label class="field"><span>${words.part}</span>
            <select name="part" @change=${(event: Event) => (this.draft.part = (event.target as HTMLSelectElement).value as PartOfDay)}>
              ${Object.entries(words.parts).map(([value, text]) => html`<option value=${value} ?selected=${value === this.draft.part}>${text}</option>`)}
            </select></label>
        </section>
        ${this.renderSteps(this.habits)} ${this.renderVariants()}
        <p class="problem" role="alert">${this.problem}</p>
        <button class="primary wide" data-testid="routine-save" aria-disabled=${this.working}>${t.save}</button>
      </form>
      ${this.draft.routine && !this.isNew ? this.renderEnd(this.draft.routine) : nothing}
      <p class="off-screen" aria-live="polite">${this.told}</p>`;
  }

  private renderSteps(habits: Habit[]): TemplateResult {
    const left = habits.filter((habit) => !this.draft.steps.some((step) => step.habit_id === habit.id));
    return html`<section class="edit-part" aria-label=${words.order}>
      <h2>${words.order}</h2>
      <p class="hint">${this.draft.steps.length > 0 ? words.orderHint : words.noSteps}</p>
      <ol class="list">${repeat(this.draft.steps, (step) => step.habit_id, (step, i) => this.renderStep(step, i))}</ol>
      <label class="field edit-add"><span>${words.addStep}</span>
        <select data-testid="routine-add-step" ?disabled=${left.length === 0} @keydown=${lookFirst} @change=${this.addStep}>
          <option value="">${words.choose}</option>
          ${left.map((habit) => html`<option value=${habit.id}>${habit.name}</option>`)}
        </select></label>
    </section>`;
  }

  private renderStep(step: RoutineStep, i: number): TemplateResult {
    const n = this.draft.steps.length;
    const open = this.open === step.habit_id;
    const line = !step.active ? words.resting : step.seconds ? minutes(step.seconds) : "";
    const go = (to: number) => (event: Event) => this.placeByKey(i, to, event.currentTarget as HTMLElement);
    return html`<li class="edit-step ${this.held === step.habit_id ? "is-held" : ""}" data-testid="edit-step" data-habit-id=${step.habit_id}>
      <button type="button" class="round faint grip" data-testid="step-grip" aria-label=${words.move(step.name, i + 1, n)}
        @pointerdown=${(event: PointerEvent) => this.grab(event, step.habit_id)} @keydown=${(event: KeyboardEvent) => this.key(event, i)}>${grip()}</button>
      <button type="button" class="edit-name" aria-expanded=${String(open)} title=${words.more(step.name)}
        @click=${() => this.paint(() => (this.open = open ? "" : step.habit_id))}>
        <span class="name">${step.name}</span>${line ? html`<span class="line">${line}</span>` : nothing}</button>
      <button type="button" class="round" data-testid="step-up" ?disabled=${i === 0} aria-label=${words.earlier(step.name)} @click=${go(i - 1)}>${up()}</button>
      <button type="button" class="round" data-testid="step-down" ?disabled=${i === n - 1} aria-label=${words.later(step.name)} @click=${go(i + 1)}>${down()}</button>
      ${open ? this.renderStepMore(step) : nothing}
    </li>`;
  }

  private renderStepMore(step: RoutineStep): TemplateResult {
    const has = (way: Way) => step.variant_ids === null || step.variant_ids.includes(way.id);
    return html`<div class="edit-more">
      <label class="field"><span>${words.duration}</span>
        <input type="number" min="0" max="600" step="any" inputmode="decimal" .value=${step.override_duration_seconds ? String(step.override_duration_seconds / 60) : ""}
          @change=${(event: Event) => this.setMinutes(step, event)} /><small>${words.durationHint}</small></label>
      ${this.draft.ways.length === 0
        ? nothing
        : html`<div class="field"><span>${words.inVariants}</span><div class="ways">${this.draft.ways.map(
            (way) => html`<button type="button" class="chip toggle" aria-pressed=${String(has(way))} @click=${() => this.paint(() => this.draft.toggleWay(step, way.id))}>${way.name || words.variantExample}</button>`,
          )}</div></div>`}
      <button type="button" class="quiet" @click=${() => this.paint(() => this.draft.remove(step.habit_id))}>${trash()}${words.takeOut}</button>
    </div>`;
  }

  private renderVariants(): TemplateResult {
    return html`<section class="edit-part" aria-label=${words.variants}>
      <h2>${words.variants}</h2>
      <p class="hint">${words.variantsLead}</p>
      ${this.draft.ways.map((way) => html`<div class="edit-way">
        <label class="field"><span class="off-screen">${words.variantName}</span>
          <input data-testid="way-name" required maxlength="50" autocomplete="off" placeholder=${words.variantExample} .value=${way.name}
            @input=${(event: Event) => this.paint(() => (way.name = (event.target as HTMLInputElement).value))} /></label>
        <button type="button" class="round faint" aria-label=${words.removeVariant(way.name)} title=${hub.remove} @click=${() => this.paint(() => this.draft.removeWay(way))}>${trash()}</button>
      </div>`)}
      ${this.draft.ways.length > 0
        ? html`<label class="field"><span>${words.isDefault}</span>
            <select data-testid="way-default" @change=${(event: Event) => this.paint(() => this.draft.setDefault((event.target as HTMLSelectElement).value))}>
              <option value="">${words.wholeDefault}</option>
              ${this.draft.ways.map((way) => html`<option value=${way.id} ?selected=${way.isDefault}>${way.name || words.variantExample}</option>`)}
            </select></label>`
        : nothing}
      <button type="button" class="quiet" data-testid="way-add" @click=${() => this.paint(() => this.draft.addWay())}>${plus()}${words.addVariant}</button>
    </section>`;
  }

  private renderEnd(routine: Routine): TemplateResult {
    return html`<div class="edit-end">
        <button class="quiet" aria-disabled=${this.working} @click=${this.putAway}>${routine.status === "ARCHIVED" ? words.bringBack : words.putAway}</button>
        <button class="quiet" data-testid="routine-delete" aria-disabled=${this.working} @click=${() => this.paint(() => (this.asks = true))}>${trash()}${words.delete}</button>
      </div>
      ${this.asks
        ? this.renderAsk({ title: words.deleteAsk(routine.name), text: words.deleteLead, yes: hub.delete, hook: "routine-delete-yes" }, () => void this.delete(), () => this.paint(() => (this.asks = false)))
        : nothing}`;
  }
}

/** The door for rows brings a deleted routine back with all its parts. */
async function bringBack(routine: Routine): Promise<void> {
  try {
    await api.post("/api/data", { batch: [{ op: "PUT", table: "routines", id: routine.id, data: { name: routine.name } }] });
    toast(words.isBack(routine.name));
  } catch (error) {
    toastError(error);
  }
}

customElements.define("kairos-routine-edit", KairosRoutineEdit);
