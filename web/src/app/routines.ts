import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { plus, steps as stepsIcon } from "../icons";
import { next, pencil, play } from "../icons-pages";
import { api, session } from "../session";
import { words } from "../texts/routines";
import type { List, Routine, RoutineRow, Run, RunAnswer } from "../types";
import { minutes } from "./format";
import { HubPage } from "./hub-page";
import "./routine-edit";
import "./routine-run";
import { progress } from "./run-logic";
import "./routines.css";

/** A run needs two habits that can be done now. */
const FEWEST = 2;

/** The routines of a person: what goes on, what can be begun. */
export class KairosRoutineList extends HubPage {
  private routines: Routine[] | null = null;
  private run: Run | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => void this.refresh());
  }

  protected override async load(): Promise<void> {
    const [list, current] = await Promise.all([
      api.get<List<RoutineRow>>("/api/routines"),
      api.get<{ run: Run | null }>("/api/routines/current"),
    ]);
    // The list has no steps, and a card says how many there are.
    const routines = await Promise.all(list.items.map((row) => api.get<Routine>(`/api/routines/${row.id}`)));
    this.routines = routines;
    this.run = current.run;
  }

  private async start(routine: Routine, variant?: string): Promise<void> {
    await this.work(async () => {
      await api.post<RunAnswer>(`/api/routines/${routine.id}/start`, variant === undefined ? {} : { variant_id: variant });
      location.hash = "#/routines/run";
    });
  }

  protected override render(): TemplateResult {
    const routines = this.routines;
    if (!routines) return html`${this.renderHead(words.title, words.lead)}${this.renderWaiting()}`;
    const offered = routines.filter((r) => r.status !== "ARCHIVED");
    const putAway = routines.filter((r) => r.status === "ARCHIVED");
    return html`${this.renderHead(words.title, words.lead)}
      ${this.run ? this.renderRun(this.run) : nothing}
      ${offered.length === 0
        ? html`<div class="empty">${stepsIcon()}<h2>${words.none}</h2><p>${words.noneLead}</p></div>`
        : html`<ul class="list">${repeat(offered, (r) => r.id, (r) => this.renderRoutine(r))}</ul>`}
      <a class="add" href="#/routines/new" data-testid="routine-new">${plus()}<span>${words.add}</span></a>
      ${putAway.length === 0
        ? nothing
        : html`<details class="put-away"><summary>${words.away} (${putAway.length})</summary>
            <ul class="list menu">${putAway.map((r) => html`<li><a href="#/routines/${r.id}">${stepsIcon()}<span>${r.name}</span></a></li>`)}</ul>
          </details>`}`;
  }

  private renderRun(run: Run): TemplateResult {
    const { answered, total } = progress(run);
    const goes = run.status === "IN_PROGRESS";
    return html`<a class="run-banner" href="#/routines/run" data-testid="run-banner">
      <span class="words">
        <span class="eyebrow">${goes ? words.going : words.waiting} · ${words.of(answered, total)}</span>
        <span class="name">${run.routine ?? words.aRoutine}</span>
        ${run.current ? html`<span class="line">${run.current.name}</span>` : nothing}
      </span>
      <span class="run-go">${words.goOn}${next()}</span>
    </a>`;
  }

  private renderRoutine(routine: Routine): TemplateResult {
    const able = routine.steps.filter((step) => step.active);
    const seconds = able.reduce((sum, step) => sum + (step.seconds ?? 0), 0);
    const ready = able.length >= FEWEST;
    const line = ready
      ? [...(routine.category === "ANYTIME" ? [] : [words.parts[routine.category]]), words.steps(able.length), ...(seconds ? [minutes(seconds)] : [])].join(" · ")
      : words.tooFew;
    const text = html`<span class="words"><span class="name">${routine.name}</span><span class="line">${line}</span></span>`;
    const edit = `#/routines/${routine.id}`;
    return html`<li class="routine" data-testid="routine" data-routine-id=${routine.id}>
      ${ready
        ? html`<button class="tap" data-testid="routine-start" title=${words.start(routine.name)} aria-disabled=${this.working} @click=${() => this.start(routine)}>
            <span class="routine-dot">${play()}</span>${text}</button>`
        : html`<a class="tap" href=${edit}><span class="routine-dot is-quiet">${plus()}</span>${text}</a>`}
      <a class="round faint" href=${edit} aria-label=${words.edit(routine.name)} title=${words.edit(routine.name)} data-testid="routine-edit">${pencil()}</a>
      ${ready && routine.variants.length > 0 ? this.renderWays(routine) : nothing}
    </li>`;
  }

  /** Each way by its name; the hub takes the default one when none is named, so beside one the whole has no name of its own. */
  private renderWays(routine: Routine): TemplateResult {
    const whole = { id: undefined, name: words.whole };
    const ways = routine.variants.some((v) => v.is_default) ? routine.variants : [whole, ...routine.variants];
    return html`<div class="ways">${ways.map(
      (way) => html`<button class="chip" data-testid="routine-way" aria-disabled=${this.working} aria-label=${words.startVariant(routine.name, way.name)}
        @click=${() => this.start(routine, way.id)}>${way.name}</button>`,
    )}</div>`;
  }
}

/** Which of the three screens of routines the hash names. */
export class KairosRoutines extends HubPage {
  protected override load(): Promise<void> {
    return Promise.resolve();
  }

  protected override render(): TemplateResult {
    const [word] = this.words;
    if (word === "run") return html`<kairos-routine-run></kairos-routine-run>`;
    if (word) return html`<kairos-routine-edit .routineId=${word}></kairos-routine-edit>`;
    return html`<kairos-routine-list></kairos-routine-list>`;
  }
}

customElements.define("kairos-routine-list", KairosRoutineList);
customElements.define("kairos-routines", KairosRoutines);
