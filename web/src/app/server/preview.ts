import { html, nothing, type TemplateResult } from "lit";
import { words } from "../../texts/server";
import type { MergePreview } from "../../types";
import { count } from "../format";
import { pieces } from "./place";

/** What two sides have, before they come together. */

export interface Line {
  name: string;
  here: number;
  there: number;
  both: number;
  differ: number;
}

/** People first, as the hub names them; what somebody has neither here nor there is no line. */
export function linesOf({ people, households }: MergePreview): Line[] {
  const all = [...people.map((of) => ({ of, name: of.display_name || words.nameless })), ...households.map((of) => ({ of, name: of.name || words.household }))];
  const lines = all.map(({ of, name }) => ({ name, here: of.rows_here, there: of.rows_there, both: of.in_both, differ: of.differ }));
  return lines.filter(({ here, there }) => here > 0 || there > 0);
}

/** Where a server is; a long address breaks where its parts meet. */
export function renderAddress(address: string): TemplateResult {
  return html`<code data-testid="server-where">${pieces(address).map((piece, n) => html`${n > 0 ? html`<wbr />` : nothing}${piece}`)}</code>`;
}

type Figure = "here" | "there" | "both" | "differ";

const FIGURES: Figure[] = ["here", "there", "both", "differ"];

export function renderMeeting(preview: MergePreview): TemplateResult {
  const lines = linesOf(preview);
  return html`${preview.is_empty ? html`<p class="server-empty" data-testid="server-empty">${words.empty}</p>` : nothing}
    ${lines.length === 0 ? html`<p>${words.nobody}</p>` : preview.is_empty ? renderHere(lines) : renderBoth(lines)}
    ${preview.is_empty ? nothing : html`<p class="hint">${words.differHint}</p><p>${words.nothingLost}</p>`}`;
}

function renderHere(lines: Line[]): TemplateResult {
  return html`<table class="meeting" aria-label=${words.tablePeople} data-testid="server-meeting">
    <thead><tr><th scope="col">${words.who}</th><th scope="col">${words.here}</th></tr></thead>
    <tbody>${lines.map(({ name, here }) => html`<tr><th scope="row">${name}</th><td>${count(here)}</td></tr>`)}</tbody>
  </table>`;
}

/** A name may be long, and stands on a line of its own above its figures. */
function renderBoth(lines: Line[]): TemplateResult {
  return html`<table class="meeting is-both" aria-label=${words.tablePeople} data-testid="server-meeting">
    <thead><tr>${FIGURES.map((figure) => html`<th scope="col">${words[figure]}</th>`)}</tr></thead>
    ${lines.map((line) => html`<tbody>
      <tr><th scope="rowgroup" colspan="4">${line.name}</th></tr>
      <tr>${FIGURES.map((figure) => html`<td class=${line[figure] === 0 ? "is-none" : figure}>${count(line[figure])}</td>`)}</tr>
    </tbody>`)}
  </table>`;
}
