import { html, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import { words } from "../texts/history";
import { addDays, dateText, type Look, stretch, sums, weekday, weekdayNames } from "./days";
import { View } from "./view";
import "./heatmap.css";

/** A day of the map. */
export interface MapDay {
  date: string;
  look: Look;
}

/** A square and the space to the next. */
const PITCH = 24;
const SIZE = 20;
const TOP = 22;

/** A habit's days, a column a week, the newest at the right. Fires `pick` with a date. */
export class KairosHeatmap extends View {
  static override properties = { days: { attribute: false }, weekStart: { attribute: false } };
  declare days: MapDay[];
  /** The weekday a week begins with; 1 is Monday. */
  declare weekStart: number;

  protected override firstUpdated(): void {
    const scroller = this.querySelector(".map-scroll");
    if (scroller) scroller.scrollLeft = scroller.scrollWidth;
  }

  protected override render(): TemplateResult {
    const first = this.days[0]?.date ?? "";
    const shift = this.row(first);
    const weeks = Math.ceil((this.days.length + shift) / 7);
    const size = { width: weeks * PITCH, height: TOP + 7 * PITCH };
    return html`<div class="map">
        <svg class="map-days" width="22" height=${size.height} aria-hidden="true">${this.renderWeekdays()}</svg>
        <div class="map-scroll" tabindex="0" role="group" aria-label=${words.map}>
          <svg data-testid="heatmap" width=${size.width} height=${size.height} role="img" aria-label=${this.label} @click=${this.pick}>
            ${this.days.map((day, n) => this.renderDay(day, Math.floor((n + shift) / 7), (n + shift) % 7))}
            ${this.renderMonths(first, shift)}
          </svg>
        </div>
      </div>
      ${this.renderLegend()} ${this.renderWords()}`;
  }

  /** The row of a day: how far into its week it is. */
  private row(date: string): number {
    return date ? (weekday(date) - (this.weekStart || 1) + 7) % 7 : 0;
  }

  private get label(): string {
    return words.mapLabel(sums(this.days.map(({ look }) => look)));
  }

  private renderWeekdays(): SVGTemplateResult[] {
    const names = weekdayNames("narrow");
    return [0, 2, 4, 6].map((row) => svg`<text x="0" y=${TOP + row * PITCH + 15}>${names[((this.weekStart || 1) - 1 + row) % 7]}</text>`);
  }

  /** A month's name stands over the first week that begins in it. */
  private renderMonths(first: string, shift: number): SVGTemplateResult[] {
    if (!first) return [];
    const start = addDays(first, -shift);
    const last = this.days.at(-1)?.date ?? first;
    return stretch(start, last)
      .filter((date) => date.endsWith("-01"))
      .map((date) => {
        const column = Math.floor((stretch(start, date).length - 1) / 7);
        return svg`<text x=${column * PITCH} y="13">${dateText(date, { month: "short" })}</text>`;
      });
  }

  private renderDay(day: MapDay, column: number, row: number): SVGTemplateResult {
    const x = column * PITCH;
    const y = TOP + row * PITCH;
    const title = `${dateText(day.date, { weekday: "short", day: "numeric", month: "long" })}: ${words.legend[day.look] ?? ""}`;
    return svg`<g class="cell is-${day.look}" data-date=${day.date} transform="translate(${x} ${y})"><title>${title}</title>${shape(day.look)}</g>`;
  }

  private pick(event: Event): void {
    const date = (event.target as Element).closest<SVGGElement>("[data-date]")?.dataset["date"];
    if (date) this.dispatchEvent(new CustomEvent<string>("pick", { detail: date }));
  }

  private renderLegend(): TemplateResult {
    const shown = (["done", "part", "skipped", "paused", "open", "none", "free"] as Look[]).filter((look) => this.days.some((day) => day.look === look));
    return html`<ul class="legend" aria-hidden="true">${shown.map((look) => html`<li><svg width="20" height="20" class="cell is-${look}">${shape(look)}</svg>${words.legend[look]}</li>`)}</ul>`;
  }

  /** The same for who reads or hears it. */
  private renderWords(): TemplateResult {
    const months = new Map<string, MapDay[]>();
    for (const day of this.days) months.set(day.date.slice(0, 7), [...(months.get(day.date.slice(0, 7)) ?? []), day]);
    const lines = [...months].reverse().map(([month, days]) => words.mapMonth(dateText(`${month}-01`, { month: "long", year: "numeric" }), sums(days.map(({ look }) => look))));
    return html`<details class="fold"><summary>${words.mapText}</summary>
      <p class="hint">${this.label}</p><ul class="map-words">${lines.map((line) => html`<li>${line}</li>`)}</ul></details>`;
  }
}

/** Its form tells what it means, its colour only helps. */
function shape(look: Look): SVGTemplateResult {
  const box = svg`<rect x="1" y="1" width=${SIZE - 2} height=${SIZE - 2} rx="5" />`;
  switch (look) {
    case "part":
      return svg`${box}<path class="mark-fill" d="M1 10h18v4a5 5 0 0 1-5 5H6a5 5 0 0 1-5-5z" />`;
    case "skipped":
      return svg`${box}<circle class="mark-fill" cx="10" cy="10" r="3.4" />`;
    case "paused":
      return svg`${box}<path class="mark-line" d="M5.5 10h9" />`;
    default:
      return box;
  }
}

customElements.define("kairos-heatmap", KairosHeatmap);
