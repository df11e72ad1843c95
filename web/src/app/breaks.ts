import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { plus } from "../icons";
import { calendar, trash } from "../icons-pages";
import { session, toast, toastError } from "../session";
import { words } from "../texts/habits";
import { words as history } from "../texts/history";
import type { Break, Habit } from "../types";
import { dateText } from "./days";
import { field, View } from "./view";

/** Breaks: those of one habit with those of everything, or the latter alone. */
export class KairosBreaks extends View {
  static override properties = { habit: { attribute: false } };
  /** Null: breaks for everything. */
  declare habit: Habit | null;
  private items: Break[] | null = null;
  private away = false;
  private adding = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => void this.load());
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const items = await session.model.breaks();
      this.paint(() => {
        this.items = items.filter((one) => !one.habit_id || one.habit_id === this.habit?.id).sort((a, b) => b.from_date.localeCompare(a.from_date));
        this.away = false;
      });
    } catch {
      this.paint(() => (this.away = true));
    }
  }

  private async add(form: HTMLFormElement): Promise<void> {
    const [from_date, to, reason] = [field(form, "from"), field(form, "to"), field(form, "reason")];
    if (to && to < from_date) throw new Error(words.order);
    const { id } = await session.model.addBreak({ habit_id: this.habit?.id ?? null, from_date, to_date: to || null, reason: reason || null });
    this.adding = false;
    toast(words.breakAdded, () => void this.drop(id).then((gone) => gone && toast(words.breakRemoved)));
    await this.load();
  }

  private async takeAway({ id, habit_id, from_date, to_date, reason }: Break): Promise<void> {
    if (!(await this.drop(id))) return;
    toast(words.breakRemoved, () => {
      session.model.addBreak({ habit_id, from_date, to_date, reason }).then(() => {
        toast(words.breakAdded);
        return this.load();
      }, toastError);
    });
  }

  private drop(id: string): Promise<boolean> {
    return this.work(async () => {
      await session.model.dropBreak(id);
      await this.load();
    });
  }

  protected override render(): TemplateResult {
    return html`<section class="breaks" data-testid="breaks" aria-label=${words.breaks}>
      <h2>${words.breaks}</h2>
      <p class="hint">${this.habit ? words.breaksLead : words.breaksAllLead}</p>
      ${this.items === null
        ? html`<p class="hint" role="status">${this.away ? history.needsHub : t.loading}</p>`
        : this.items.length > 0
          ? html`<ul class="list">${this.items.map((one) => this.renderBreak(one))}</ul>`
          : nothing}
      ${this.items === null ? nothing : this.renderAdd()}
    </section>`;
  }

  private spanOf(one: Break): string {
    const date = (day: string) => dateText(day, { day: "numeric", month: "short", year: "numeric" });
    const today = session.model.today?.date;
    if (one.to_date === null) return today && one.from_date > today ? words.starts(date(one.from_date)) : words.since(date(one.from_date));
    return one.to_date === one.from_date ? date(one.from_date) : words.span(date(one.from_date), date(one.to_date));
  }

  private renderBreak(one: Break): TemplateResult {
    const span = this.spanOf(one);
    const of = !one.habit_id && this.habit ? words.forAll : "";
    const reason = one.reason === "travel" ? words.travel : (one.reason ?? "");
    // The open break of a habit that rests is ended by going on, not taken away.
    const rests = one.habit_id && one.to_date === null && this.habit?.status !== "ACTIVE";
    const line = [reason, of].filter(Boolean).join(" · ");
    return html`<li class="row">${calendar()}
      <span class="words"><span class="name">${span}</span>${line ? html`<span class="line">${line}</span>` : nothing}</span>
      ${rests ? nothing : html`<button class="round faint" aria-label=${words.removeBreak(span)} @click=${() => this.takeAway(one)}>${trash()}</button>`}
    </li>`;
  }

  private renderAdd(): TemplateResult {
    const label = this.habit ? words.addBreak : words.addBreakAll;
    const toggle = (adding: boolean) => () => this.paint(() => {
      this.adding = adding;
      this.problem = "";
    });
    if (!this.adding) return html`<button class="add" data-testid="break-add" @click=${toggle(true)}>${plus()}<span>${label}</span></button>`;
    return html`<form class="card sheet" aria-label=${label} @submit=${(event: SubmitEvent) => this.submit(event, (form) => this.add(form))}>
      <div class="pair">
        <label class="field"><span>${words.from}</span><input name="from" type="date" required value=${session.model.today?.date ?? ""} data-testid="break-from" data-focus /></label>
        <label class="field"><span>${words.to}</span><input name="to" type="date" data-testid="break-to" /><small>${words.toHint}</small></label>
      </div>
      <label class="field"><span>${words.reason}</span><input name="reason" maxlength="200" placeholder=${words.reasonExample} autocomplete="off" /></label>
      <p class="problem" role="alert">${this.problem}</p>
      <button class="primary wide" data-testid="break-submit" aria-disabled=${this.working}>${label}</button>
      <button type="button" class="quiet wide" @click=${toggle(false)}>${t.cancel}</button>
    </form>`;
  }
}

customElements.define("kairos-breaks", KairosBreaks);
