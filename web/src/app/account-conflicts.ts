import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { api, session, toast, toastError } from "../session";
import type { List } from "../types";
import { words } from "../texts/account";
import { asideOf, changeText, type Columns, columnsOf, dateText, kindOf, momentText, valuesText } from "./account-words";
import { LastWord } from "./last-word";
import { View } from "./view";

/** Two devices said different things, or something could not be taken in: both are here, and either can be had. */
interface Entry {
  id: string;
  at: number | null;
  aside: boolean;
  /** Its id belongs to somebody else on the other side: on which it stays, where there is nothing to choose. */
  foreign: "here" | "there" | "unreadable" | null;
  table: string | null;
  /** Whose it is, as a person knows it. */
  name: string;
  also: string;
  stands: string;
  why: string | null;
}

/** As `GET /api/conflicts` gives them, and as the table of the phone is read. */
interface Conflict {
  id: string;
  kind: string | null;
  table: string | null;
  row_id: string | null;
  lost: Columns | null;
  kept: Columns | null;
  reason: string | null;
  stays: "here" | "there" | null;
  operations: unknown;
  at: number | null;
}

/** Those put away a moment ago, also by a page that has been left since. */
const dismissed = new LastWord(() => document.querySelector(".toast:hover, .toast:focus-within") !== null);

export class KairosConflicts extends View {
  private entries: Entry[] = [];
  private busy = new Set<string>();
  /** Names, where no database here knows them. */
  private habits = new Map<string, string>();

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const found = (await this.found()).filter(({ id }) => !dismissed.has(id));
      if (!session.sync && found.length > 0) this.habits = new Map((await session.model.habits()).map(({ id, name }) => [id, name]));
      const entries = await Promise.all(found.map((conflict) => this.entry(conflict)));
      this.paint(() => (this.entries = entries));
    } catch {
      // The hub is away, and there is no database here: what was shown stays.
    }
  }

  private async found(): Promise<Conflict[]> {
    const { sync } = session;
    if (!sync) return (await api.get<List<Conflict>>("/api/conflicts")).items;
    return (await sync.conflicts()).map((row) => ({
      id: row.id, kind: row.kind, table: row.table_name, row_id: row.row_id, lost: columnsOf(row.lost_value), kept: columnsOf(row.kept_value),
      reason: row.reason, stays: columnsOf(row.kept_value)["stays"] === "there" ? "there" : "here", operations: row.operations, at: row.created_at,
    }));
  }

  private async entry({ id, kind, table, row_id, lost, kept, reason, stays, operations, at }: Conflict): Promise<Entry> {
    const change = asideOf(typeof operations === "string" ? operations : JSON.stringify(operations ?? []));
    const of = await session.sync?.nameOf(table ?? "", row_id ?? "", change?.data ?? {});
    const known = of?.name ?? this.habits.get(String(change?.data["habit_id"] ?? row_id));
    const name = [known ?? kindOf(table), table === "completions" ? dateText(of?.date ?? null) : ""].filter(Boolean).join(" · ");
    const aside = kind === "quarantined";
    const foreign = kind === "unreadable" ? kind : kind === "foreign" ? (stays ?? "here") : null;
    return {
      id, at, aside, foreign, table, name,
      also: aside ? (change ? changeText(change) : kindOf(table)) : valuesText(table, lost ?? {}),
      stands: valuesText(table, kept ?? {}),
      why: reason,
    };
  }

  /** What is put away is gone for good: the hub hears of it when it cannot be taken back here any more. */
  private dismiss({ id }: Entry): void {
    if (this.busy.has(id)) return;
    dismissed.give(id, async () => {
      try {
        await api.delete(`/api/conflicts/${encodeURIComponent(id)}`);
      } catch (error) {
        dismissed.takeBack(id);
        toastError(error);
        await this.load();
      }
    });
    this.drop(id);
    toast(words.dismissed, () => {
      dismissed.takeBack(id);
      void this.load();
    });
  }

  private drop(id: string): void {
    this.paint(() => (this.entries = this.entries.filter((other) => other.id !== id)));
  }

  private async restore(entry: Entry): Promise<void> {
    if (this.busy.has(entry.id)) return;
    this.paint(() => this.busy.add(entry.id));
    try {
      await api.post(`/api/conflicts/${encodeURIComponent(entry.id)}/restore`);
      this.drop(entry.id);
      toast(words.restored);
    } catch (error) {
      toastError(error);
    } finally {
      this.paint(() => this.busy.delete(entry.id));
    }
  }

  protected override render(): TemplateResult {
    return html`<section class="account-part" aria-labelledby="conflicts-title">
      <h2 id="conflicts-title">${words.conflictsTitle}</h2>
      <p class="lead">${this.entries.length === 0 ? words.conflictsNone : words.conflictsLead}</p>
      ${this.entries.length > 0
        ? html`<ul class="list">${repeat(this.entries, ({ id }) => id, (entry) => this.renderEntry(entry))}</ul>`
        : nothing}
    </section>`;
  }

  private renderEntry(entry: Entry): TemplateResult {
    const busy = this.busy.has(entry.id);
    return html`<li class="card conflict" data-testid="conflict" data-id=${entry.id}>
      <h3>${entry.name}</h3>
      ${entry.at ? html`<p class="hint">${momentText(entry.at)}</p>` : nothing}
      ${entry.foreign ? html`<p class="conflict-foreign" data-testid="conflict-foreign">${words.foreign[entry.foreign]}</p>` : this.renderSides(entry)}
      <div class="pair">
        <button class="quiet" aria-disabled=${busy} data-testid="conflict-dismiss" @click=${() => this.dismiss(entry)}>${words.dismiss}</button>
        ${entry.foreign
          ? nothing
          : html`<button class="primary" aria-disabled=${busy} data-testid="conflict-restore" @click=${() => this.restore(entry)}>${entry.aside ? words.apply : words.restore}</button>`}
      </div>
    </li>`;
  }

  private renderSides(entry: Entry): TemplateResult {
    return html`<dl>
        <dt>${entry.aside ? words.aside : words.also}</dt><dd>${entry.also}</dd>
        ${entry.aside
          ? entry.why ? html`<dt>${words.why}</dt><dd>${entry.why}</dd>` : nothing
          : html`<dt>${words.stands}</dt><dd>${entry.stands}</dd>`}
      </dl>`;
  }
}

customElements.define("kairos-conflicts", KairosConflicts);
