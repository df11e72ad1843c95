import { html, nothing, type TemplateResult } from "lit";
import { ApiError, MIRROR } from "../api";
import { FAREWELL } from "../farewell";
import { download, shield } from "../icons-pages";
import { api, session, toast, toastError } from "../session";
import { words } from "../texts/leaving";
import type { Links, List, Person, Standing } from "../types";
import { HubPage } from "./hub-page";
import { saveFile } from "./save-file";

/** What the page has to know before it can say what will happen. */
interface Known {
  links: Links;
  /** A server is connected, and hears of it. */
  server: boolean;
  /** Nobody else looks after this hub. */
  last: boolean;
}

/** `#/account/delete`: leaving for good. What goes, what stays, the export, the password, and one question. */
export class KairosAccountDelete extends HubPage {
  private known: Known | null = null;
  private saving = false;
  /** What was typed, while the question stands. */
  private asks: { password: string | null } | null = null;

  protected override async load(): Promise<void> {
    const [links, standing, last] = await Promise.all([api.get<Links>("/api/me/identities"), api.get<Standing>("/api/sync/status"), alone()]);
    this.known = { links, server: standing.state !== "not_configured", last };
  }

  private async save(): Promise<void> {
    if (this.saving) return;
    this.paint(() => (this.saving = true));
    try {
      const name = `kairos-${session.model.today?.date ?? new Date().toISOString().slice(0, 10)}.json`;
      saveFile(await api.download("/api/export?format=json"), name);
      toast(words.exported(name));
    } catch (error) {
      toastError(error);
    } finally {
      this.paint(() => (this.saving = false));
    }
  }

  private question(event: SubmitEvent): void {
    event.preventDefault();
    if (this.working) return;
    const typed = new FormData(event.target as HTMLFormElement).get("password");
    this.paint(() => {
      this.problem = "";
      this.asks = { password: typeof typed === "string" ? typed : null };
    });
  }

  /**
   * The hub ends every session of theirs as it answers, and the page may hear of that first: so it is ready for either before it
   * asks. What is kept here goes only once the hub has said yes.
   */
  private async go(password: string | null): Promise<void> {
    this.asks = null;
    const gone = await this.work(async () => {
      session.wipes = true;
      sessionStorage.setItem(FAREWELL, JSON.stringify({ server: this.known?.server ?? false }));
      try {
        const { message } = await api.delete<{ message: string | null }>("/api/me", password === null ? {} : { password });
        // A record stays there only of who has one.
        const there = this.known?.links.items.length ? message : null;
        sessionStorage.setItem(FAREWELL, JSON.stringify({ server: this.known?.server ?? false, there }));
      } catch (error) {
        session.wipes = false;
        sessionStorage.removeItem(FAREWELL);
        // The hub has changed its mind about who else looks after it.
        if (error instanceof ApiError && error.status === 409) void this.refresh();
        throw error;
      }
    }, "here");
    if (!gone) return;
    localStorage.removeItem(MIRROR);
    await session.signOut(true);
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.title, session.me?.email ?? "", "#/account");
    if (!this.known) return html`${head}${this.renderWaiting()}`;
    return html`${head}${this.renderAway()}
      <p class="lead account-lead">${words.lead}</p>
      ${this.renderWhat(this.known)} ${this.renderExport()}
      ${this.known.last ? this.renderLast() : this.renderForm(this.known.links)}
      ${this.asks ? this.renderQuestion(this.asks.password) : nothing}`;
  }

  private renderWhat({ links, server }: Known): TemplateResult {
    const waiting = session.sync?.waiting ?? 0;
    const goes = [words.goesAtOnce, words.goesData, ...(server ? [words.goesServer] : []), ...(links.items.length ? [words.goesThere] : []), ...(session.sync ? [words.goesPhone] : [])];
    const stays = [words.staysHousehold, words.staysBackups, words.staysPhones, words.staysBlank];
    const list = (name: string, title: string, lines: string[]) => html`<section class="card account-part" aria-labelledby="what-${name}">
      <h2 id="what-${name}">${title}</h2><ul class="plain" data-testid="delete-${name}">${lines.map((line) => html`<li>${line}</li>`)}</ul>
      ${name === "goes" && waiting > 0 ? html`<p><b data-testid="delete-waiting">${words.goesWaiting(waiting)}</b></p>` : nothing}</section>`;
    return html`${list("goes", words.goes, goes)} ${list("stays", words.stays, stays)}`;
  }

  private renderExport(): TemplateResult {
    return html`<section class="card account-part" aria-labelledby="delete-export-title">
      <h2 id="delete-export-title">${words.exportTitle}</h2>
      <p class="lead" role="status">${this.saving ? words.exporting : words.exportLead}</p>
      <button class="primary wide" data-testid="delete-export" aria-disabled=${this.saving} @click=${this.save}>${download()}${words.export}</button>
      <a class="quiet wide" href="#/transfer">${words.exportMore}</a>
    </section>`;
  }

  private renderLast(): TemplateResult {
    return html`<section class="note account-part" data-testid="delete-last">${shield()}
      <div><p><b>${words.last}</b></p><p>${words.lastLead}</p><a class="quiet" href="#/admin/people">${words.lastWay}</a></div></section>`;
  }

  private renderForm({ has_password }: Links): TemplateResult {
    return html`<form class="card account-part" aria-busy=${this.working} @submit=${this.question}>
      ${has_password
        ? html`<label class="field"><span>${words.password}</span>
            <input name="password" type="password" data-testid="delete-password" required maxlength="256" autocomplete="current-password" aria-describedby="delete-hint" />
            <small id="delete-hint">${words.passwordHint}</small></label>`
        : nothing}
      <p class="problem" role="alert" data-testid="delete-problem">${this.problem}</p>
      <button class="wide final" data-testid="delete-submit" aria-disabled=${this.working}>${this.working ? words.working : words.submit}</button>
    </form>`;
  }

  private renderQuestion(password: string | null): TemplateResult {
    const ask = { title: words.ask, text: words.askText, yes: words.yes, hook: "delete-yes" };
    return this.renderAsk(ask, () => void this.go(password), () => this.paint(() => (this.asks = null)));
  }
}

/** Whether nobody but oneself looks after this hub. */
async function alone(): Promise<boolean> {
  const { me } = session;
  if (me?.role !== "admin") return false;
  const { items } = await api.get<List<Person>>("/api/users");
  return !items.some((person) => person.role === "admin" && !person.disabled && person.user_id !== me.user_id);
}

customElements.define("kairos-account-delete", KairosAccountDelete);
