import { html, nothing, type TemplateResult } from "lit";
import { box, file, key, next, people, pulse } from "../../icons-pages";
import { api, session } from "../../session";
import { words } from "../../texts/admin";
import type { ApiToken, Backup, Health, List, Person } from "../../types";
import { moment } from "../format";
import { HubPage } from "../hub-page";
import "../more.css";
import "./admin.css";
import "./backups";
import "./health";
import "./people";
import "./tokens";

interface Sum {
  people: number;
  tokens: number;
  backup: Backup | undefined;
  health: Health;
}

/** What an administrator looks after: a way to each part, with what is to know of it in a line. */
export class KairosAdmin extends HubPage {
  private sum: Sum | null = null;

  private get may(): boolean {
    return session.me?.role === "admin";
  }

  protected override async load(): Promise<void> {
    if (!this.may || this.words.length > 0) return;
    const [people, tokens, backups, health] = await Promise.all([
      api.get<List<Person>>("/api/users"),
      api.get<List<ApiToken>>("/api/tokens"),
      api.get<List<Backup>>("/api/backups"),
      api.bare<Health>("GET", "/health"),
    ]);
    this.sum = { people: people.items.length, tokens: tokens.items.length, backup: backups.items[0], health };
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    const before = changed.get("words") as string[] | undefined;
    if (before?.length && this.words.length === 0) void this.refresh();
  }

  protected override render(): TemplateResult {
    if (!this.may) return html`${this.renderHead(words.title, "", "#/more")}<p class="lead" data-testid="admin-not">${words.notYours}</p>`;
    switch (this.words[0]) {
      case "people":
        return html`<kairos-people></kairos-people>`;
      case "tokens":
        return html`<kairos-tokens .up=${"#/admin"}></kairos-tokens>`;
      case "backups":
        return html`<kairos-backups></kairos-backups>`;
      case "health":
        return html`<kairos-health></kairos-health>`;
      default:
        return this.renderMenu();
    }
  }

  private renderMenu(): TemplateResult {
    const sum = this.sum;
    const well = sum?.health.status === "ok";
    return html`${this.renderHead(words.title, words.lead, "#/more")}
      ${!sum && this.away ? this.renderWaiting() : nothing}
      <section class="more-group"><ul class="list menu">
        ${this.renderWay("#/admin/people", people(), words.people, sum ? words.peopleCount(sum.people) : "…")}
        ${this.renderWay("#/admin/tokens", key(), words.tokens, sum ? words.tokensCount(sum.tokens) : "…")}
        ${this.renderWay("#/admin/backups", box(), words.backups, sum ? (sum.backup ? words.backupLast(moment(sum.backup.at)) : words.backupNone) : "…")}
        ${this.renderWay("#/admin/health", pulse(), words.health, sum ? (well ? words.healthOk : words.healthDegraded) : "…", sum !== null && !well)}
      </ul></section>
      <section class="more-group" aria-label=${words.scripts}>
        <h2>${words.scripts}</h2>
        <ul class="list menu">
          ${this.renderWay("/api/openapi.json", file(), words.openapi, words.openapiLine)}
          ${this.renderWay("/metrics", pulse(), words.metrics, words.metricsLine)}
        </ul>
      </section>
      ${sum ? html`<p class="hint center" data-testid="hub-version">${words.version(sum.health.version)}</p>` : nothing}`;
  }

  private renderWay(href: string, icon: TemplateResult, name: string, line: string, warns = false): TemplateResult {
    return html`<li><a href=${href} data-testid="admin-way">${icon}<span class="words"><span class="name">${name}</span><span class="line ${warns ? "is-warn" : ""}">${line}</span></span>${next()}</a></li>`;
  }
}

customElements.define("kairos-admin", KairosAdmin);
