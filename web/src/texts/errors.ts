import { lang } from "../i18n";
import type { WireError } from "../types";

/**
 * What the hub says against something, in German. The hub itself speaks English: `code` is the word for programs, and most of
 * them say all there is to say. Where the sentence says more than its code, known sentences are translated as they are; of the
 * rest the field is named, and where there is none, the hub is quoted.
 *
 * test/errors.test.ts reads the hub's own source, so that no code is without German and no sentence here is one it says no more.
 */

type Told = Pick<WireError, "message"> & { details: Record<string, unknown> };

const number = (of: unknown) => (typeof of === "number" ? of : 0);
/** The hub's sentence where only it knows the detail. */
const quoted = (lead: string) => ({ message }: Told) => `${lead} Dein Hub sagt dazu: „${message.replace(/\.$/, "")}“.`;

const fields: Record<string, string> = {
  name: "Name", display_name: "Name", email: "E-Mail", password: "Passwort", target_value: "Ziel", unit: "Einheit", step: "Schritt", freq_num: "Wie oft",
  freq_den: "Zeitraum", active_days: "Tage", anchor_behavior: "Anker", micro_version: "Die kleine Fassung", note: "Notiz", reason: "Grund", date: "Tag",
  from_date: "Von", to_date: "Bis", from: "Von", to: "Bis", start_date: "Beginn", tz: "Zeitzone", day_start_min: "Tagesbeginn", week_start: "Wochenbeginn",
  value: "Menge", set: "Menge", percent: "Teil", file: "Datei",
};

function invalid(error: Told): string {
  const field = String(error.details["field"] ?? "").replace(/^.*\./, "");
  return fields[field] ? `Das passt so nicht. Sieh dir bitte „${fields[field]}“ noch einmal an.` : quoted("Das passt so nicht.")(error);
}

/** By code. */
export const codes: Record<string, string | ((error: Told) => string)> = {
  already_done: "Das ist schon geschehen.",
  already_set_up: "Dieser Hub ist schon eingerichtet.",
  auth_upstream_down: "Der Server, der die Konten führt, antwortet nicht. Wer angemeldet ist, bleibt es; bitte versuche es später noch einmal.",
  body_cut: "Es kam nicht alles an. Bitte sende es noch einmal.",
  body_too_large: "Das ist mehr, als der Hub auf einmal annimmt.",
  busy: "Der Hub ist gerade beschäftigt. Bitte versuche es gleich noch einmal.",
  code_gone: "Dieser Code gilt nicht mehr. Lass den Spiegel einen neuen zeigen.",
  conflict: quoted("Das geht so gerade nicht."),
  fixed: "Der Server steht in der Konfiguration des Hubs (upstream.url); dort lässt er sich ändern.",
  forbidden: quoted("Das ist hier nicht erlaubt."),
  future_date: "Dieser Tag ist noch nicht gekommen.",
  idempotency_key_reused: "Das ging nicht eindeutig durch. Bitte versuche es noch einmal.",
  internal: "Im Hub ist etwas dazwischengekommen. Bitte versuche es noch einmal.",
  invalid,
  invalid_body: invalid,
  invalid_code: "Dieser Code gilt nicht, oder nicht mehr. Lass den anderen Hub einen neuen machen.",
  invalid_credentials: "Die E-Mail-Adresse oder das Passwort stimmt nicht.",
  invalid_idempotency_key: "Das ging nicht eindeutig durch. Bitte versuche es noch einmal.",
  invalid_message: "Der Hub hat diese Seite nicht verstanden. Bitte lade sie neu.",
  invalid_query: invalid,
  invalid_upload: quoted("Der Hub konnte nicht lesen, was dieses Gerät gesendet hat."),
  method_not_allowed: "Der Hub kennt diesen Weg nicht. Bitte lade die Seite neu.",
  no_public_address: "Dieser Hub weiß nicht, wie andere Häuser seine Datenbank erreichen. Das steht in seiner config.yaml (upstream.public_url).",
  no_room: "Auf der Festplatte des Hubs ist kein Platz dafür.",
  not_a_relay: "Dieser Hub ist kein Server für andere.",
  not_a_websocket: "Der Hub hat diese Seite nicht verstanden. Bitte lade sie neu.",
  not_bound: "Dieser Taste ist nichts zugeordnet.",
  not_found: "Das gibt es hier nicht, oder nicht mehr.",
  not_mqtt: "Unter dieser Adresse spricht der Hub nur mit Tastern.",
  nothing_to_undo: "Es gibt nichts zurückzunehmen.",
  refused: quoted("Das hat der Hub nicht getan."),
  resync: "Dieses Gerät gleicht sich gleich neu ab.",
  setup_code_spent: "Der Einrichtungscode wurde zu oft versucht. `kairos-hub setup-code --renew` macht einen neuen; ein Neustart des Hubs auch.",
  setup_required: "Dieser Hub ist noch nicht eingerichtet.",
  sign_in_again: "Bitte melde dich neu an.",
  too_large: "Das ist mehr, als der Hub auf einmal annimmt.",
  too_new: "Die Datenbank des Servers ist neuer als dieser Hub. Bitte bringe den Hub auf den neuesten Stand.",
  too_old: quoted("Die Datenbank des Servers ist älter als dieser Hub."),
  too_many_operations: "Das ist mehr, als der Hub auf einmal annimmt.",
  too_many_requests: ({ details }) => {
    const seconds = number(details["retry_after"]);
    return seconds > 1 ? `Das waren viele Versuche. Bitte warte ${seconds > 90 ? `${Math.ceil(seconds / 60)} Minuten` : `${seconds} Sekunden`}.` : "Das waren viele Versuche. Bitte warte einen Moment.";
  },
  too_slow: "Die Verbindung war zu langsam. Bitte versuche es noch einmal.",
  unauthorized: "Bitte melde dich neu an.",
  unavailable: "Der Hub kann gerade nicht speichern oder lesen. Bitte versuche es gleich noch einmal.",
  unknown_host: "Unter diesem Namen kennt sich der Hub nicht. Soll er ihn kennen, gehört er zu http.names in config.yaml.",
  unknown_type: "Der Hub hat diese Seite nicht verstanden. Bitte lade sie neu.",
  unsupported_media_type: "Der Hub hat diese Seite nicht verstanden. Bitte lade sie neu.",
  untrusted_certificate: quoted("Dem Zertifikat des Servers traut der Hub nicht."),
  upstream_unavailable: "Der Server antwortet gerade nicht. Bitte versuche es gleich noch einmal.",
  wrong_service: quoted("Unter dieser Adresse ist etwas anderes."),
  wrong_setup_code: ({ details }) => {
    const left = number(details["tries_left"]);
    return `Das ist nicht der Einrichtungscode.${left > 0 ? (left === 1 ? " Ein Versuch bleibt." : ` ${left} Versuche bleiben.`) : ""}`;
  },
};

const UNKNOWN_FILE = "This is no export of a hub, nor of Loop Habit Tracker, HabitKit, Habitica, HabitBull, Table Habit or beaverhabits.";
const UNKNOWN_FILE_DE = "Das ist kein Export eines Hubs, auch keiner von Loop Habit Tracker, HabitKit, Habitica, HabitBull, Table Habit oder beaverhabits.";

/** Sentences of the hub that say more than their code, word by word. `*` stands for what may be anything, in its place. */
export const sentences: Record<string, string> = {
  // People and signing in
  "This is not a mail address.": "Das ist keine E-Mail-Adresse.",
  "There is already an account with this mail address.": "Mit dieser E-Mail-Adresse gibt es schon ein Konto.",
  "PocketBase does not know this mail address and password. Accounts are kept there: add the person there first, then come back with the same.":
    "PocketBase kennt diese E-Mail-Adresse mit diesem Passwort nicht. Dort stehen die Konten: Lege die Person zuerst dort an und komm dann mit beidem wieder.",
  "Accounts are kept in PocketBase, and this hub has no login to add people there. Add the person in PocketBase; the hub makes them known here when they first sign in.":
    "Die Konten stehen in PocketBase, und dieser Hub hat keinen Zugang, um dort jemanden anzulegen. Lege die Person in PocketBase an; der Hub kennt sie, sobald sie sich zum ersten Mal anmeldet.",
  "This hub has an account with your mail address, and cannot know that it is yours. Sign in to it with the password it has on this hub, and link the two.":
    "Dieser Hub hat schon ein Konto mit deiner E-Mail-Adresse und kann nicht wissen, dass es deines ist. Melde dich mit dem Passwort an, das es auf diesem Hub hat, und verbinde die beiden.",
  "PocketBase has an account with this mail address already. The hub makes the person known here when they first sign in.":
    "PocketBase hat schon ein Konto mit dieser E-Mail-Adresse. Der Hub kennt die Person, sobald sie sich zum ersten Mal anmeldet.",
  "The mail address or the password is not right.": "Die E-Mail-Adresse oder das Passwort stimmt nicht.",
  "PocketBase asks for a second factor, which the hub cannot ask for. Sign in there, and exchange its token.":
    "PocketBase verlangt einen zweiten Faktor, nach dem der Hub nicht fragen kann. Melde dich dort an und nimm den Token von dort.",
  "In another house you are somebody else: there you signed in with PocketBase before you linked this account. Export what is here, and import it there.":
    "In einem anderen Haus bist du jemand anderes: Dort hast du dich mit PocketBase angemeldet, bevor dieses Konto verbunden war. Exportiere, was hier ist, und importiere es dort.",
  "Your other houses know of this link by the server they share, and it cannot be taken back there. It stays.":
    "Deine anderen Häuser wissen über den gemeinsamen Server von dieser Verbindung, und dort lässt sie sich nicht zurücknehmen. Sie bleibt.",
  "Nothing else opens this account. Have an administrator give it a password first.": "Nichts anderes öffnet dieses Konto. Lass dir erst von jemandem, der den Hub verwaltet, ein Passwort geben.",
  "This is the only way into your account. Give it a password of its own with it.": "Das ist der einzige Weg in dein Konto. Gib ihm dabei ein eigenes Passwort.",
  "This hub keeps its accounts itself; there is nothing to link them with.": "Dieser Hub führt seine Konten selbst; es gibt nichts, womit sich deines verbinden ließe.",
  "This token is not good, or not any more.": "Dieser Token gilt nicht, oder nicht mehr.",
  "This is somebody else's account on this hub already.": "Das ist auf diesem Hub schon das Konto von jemand anderem.",
  "Your account is linked with another one there.": "Dein Konto ist dort schon mit einem anderen verbunden.",
  "A password has * to * characters.": "Ein Passwort hat * bis * Zeichen.",
  "A name is needed.": "Ein Name fehlt noch.",
  "A name has 1 to * characters, on one line.": "Ein Name hat 1 bis * Zeichen, in einer Zeile.",
  "A hub has at most * accounts.": "Ein Hub hat höchstens * Konten.",
  "A person has at most * tokens. Remove one first.": "Mehr als * Schlüssel hat niemand. Entferne erst einen.",
  "The last administrator cannot be disabled.": "Wer als Einziges den Hub verwaltet, lässt sich nicht sperren.",
  "The last administrator cannot be deleted; add another one first.": "Wer als Einziges den Hub verwaltet, lässt sich nicht löschen. Füge erst jemand anderen hinzu.",
  "Your own account is deleted with your password (DELETE /api/me).": "Dein eigenes Konto löschst du mit deinem Passwort.",
  "The hub has no superuser's login of PocketBase: the record there stays. Delete it in PocketBase, else the person can sign in again, with nothing.":
    "Der Hub hat keinen Zugang zur Verwaltung von PocketBase: Der Eintrag dort bleibt. Lösche ihn in PocketBase, sonst kann sich die Person wieder anmelden, mit nichts.",
  "This is not your password.": "Das ist nicht dein Passwort.",
  "This account is being deleted; there is no way back.": "Dieses Konto wird gerade gelöscht; es gibt keinen Weg zurück.",
  "This account is being deleted, or is gone.": "Dieses Konto wird gerade gelöscht oder ist schon fort.",
  "You cannot disable your own account.": "Dein eigenes Konto kannst du nicht sperren.",
  "Only an administrator may do this.": "Das können nur die tun, die den Hub verwalten.",
  "An API token may not do this; please sign in.": "Ein API-Schlüssel darf das nicht. Bitte melde dich an.",
  "This page may not speak to the hub.": "Diese Seite darf nicht mit dem Hub sprechen.",
  // Devices and displays
  "Choose whose day the display shows.": "Wähle, wessen Tag der Spiegel zeigt.",
  "A display only shows; it may not ask for this.": "Ein Spiegel zeigt nur; danach fragen darf er nicht.",
  "You can act as yourself; acting for others needs their word first.": "Du handelst für dich; für andere braucht es erst deren Wort.",
  // Habits and days
  "to_date must not be before from_date.": "„Bis“ liegt vor „Von“.",
  "to is not before from.": "„Bis“ liegt vor „Von“.",
  "At most ten years at a time.": "Höchstens zehn Jahre auf einmal.",
  "percent must be from 1 to 99.": "Ein Teil ist 1 bis 99 Prozent.",
  "This was answered already, or no longer applies.": "Das ist schon beantwortet, oder es gilt nicht mehr.",
  "The row this was about is not there any more.": "Worum es ging, ist nicht mehr da.",
  "It still cannot be applied: *": "Es lässt sich noch immer nicht übernehmen: *",
  // Files
  [UNKNOWN_FILE]: UNKNOWN_FILE_DE,
  [`${UNKNOWN_FILE} It may be damaged.`]: `${UNKNOWN_FILE_DE} Vielleicht ist es beschädigt.`,
  [`${UNKNOWN_FILE} Export it as CSV.`]: `${UNKNOWN_FILE_DE} Exportiere es als CSV.`,
  "This is no export of a hub.": "Das ist kein Export eines Hubs.",
  "This is no export of a hub: it holds something else too.": "Das ist kein Export eines Hubs: es steckt noch anderes darin.",
  "This is no export of a hub, or it is damaged: *.": "Das ist kein Export eines Hubs, oder er ist beschädigt: *.",
  "This export has version *; this hub reads *.": "Dieser Export hat die Version *; dieser Hub liest *.",
  "The body is the file; it is empty.": "Die Datei ist leer.",
  "The file could not be read; it may be damaged.": "Die Datei ließ sich nicht lesen; vielleicht ist sie beschädigt.",
  "The file is damaged, or packed in a way that is not read here.": "Die Datei ist beschädigt, oder so gepackt, wie es hier nicht gelesen wird.",
  "The zip is damaged or not whole.": "Das Zip ist beschädigt oder nicht ganz.",
  "The zip holds no Habits.csv. It is not an export of Loop Habit Tracker.": "Im Zip ist keine Habits.csv. Es ist kein Export von Loop Habit Tracker.",
  "The table is empty.": "Die Tabelle ist leer.",
  "This is not a table.": "Das ist keine Tabelle.",
  "Another file is being read just now; please try again in a moment.": "Gerade wird eine andere Datei gelesen. Bitte versuche es gleich noch einmal.",
  "Another import of yours is still running; please wait for it.": "Ein anderer Import von dir läuft noch. Bitte warte ihn ab.",
  "This import does not run any more.": "Dieser Import läuft nicht mehr.",
  "There is no such backup.": "Diese Sicherung gibt es nicht mehr.",
  "The hub is stopping.": "Der Hub wird gerade beendet.",
  // The server beyond the home
  "Can't reach the server: *.": "Der Server ist nicht erreichbar: *.",
  "nothing listens at this address": "dort hört niemand zu",
  "it does not answer": "er antwortet nicht",
  "The server's certificate is not trusted: *.": "Dem Zertifikat des Servers traut der Hub nicht: *.",
  "There is something else at this address: *.": "Unter dieser Adresse ist etwas anderes: *.",
  "The code is not valid, or not any more. Make a new one on the server's hub.": "Der Code gilt nicht, oder nicht mehr. Lass den Hub beim Server einen neuen machen.",
  "This hub does not know where other houses reach its database: set upstream.public_url": "Jener Hub weiß nicht, wie andere Häuser seine Datenbank erreichen (upstream.public_url)",
  "This hub does not stand beside a server (upstream.relay)": "Jener Hub steht bei keinem Server (upstream.relay)",
  "for the address of a hub a code of that hub is needed": "zur Adresse eines Hubs gehört ein Code von ihm",
  "no hub answers there that stands beside a server": "dort antwortet kein Hub, der bei einem Server steht",
  "The server refused this hub: *.": "Der Server lässt diesen Hub nicht ein: *.",
  "The server's database is of an older version: *.": "Die Datenbank des Servers ist älter als dieser Hub: *.",
  "The server was set back to an earlier state; this hub brings back what it lacks.": "Der Server wurde zurückgesetzt; dieser Hub bringt ihm, was ihm fehlt.",
  "The server has rows of somebody else under ids of this hub's rows.": "Auf dem Server stehen unter denselben Kennungen Einträge von jemand anderem.",
  "The server is busy: *.": "Der Server ist beschäftigt: *.",
  "This hub's own database: *.": "Die Datenbank dieses Hubs: *.",
  "No server is connected; everything stays at home.": "Kein Server ist verbunden; alles bleibt zu Hause.",
  "Can't reach server. Working offline.": "Der Server ist nicht erreichbar. Der Hub arbeitet allein weiter.",
  "Sync error": "Der Abgleich mit dem Server geht gerade nicht",
  // How its parts are doing
  "switched off by discovery.enabled": "abgeschaltet (discovery.enabled)",
  "not part of this version": "in dieser Fassung nicht dabei",
  "the network is gone": "das Netz ist weg",
  "every name the hub tries is taken by another device": "jeden Namen, den der Hub versucht, hat schon ein anderes Gerät",
  "the hub makes no backups by itself (store.backup.every is off)": "der Hub macht von selbst keine Sicherungen (store.backup.every ist aus)",
  "the last backup could not be made: *": "die letzte Sicherung kam nicht zustande: *",
  "the disk does not answer; presses are not acknowledged until it does": "die Festplatte antwortet nicht; bis dahin wird kein Druck bestätigt",
  "much is being written at once, or the disk is slow; presses are acknowledged once they are saved":
    "es wird gerade viel geschrieben, oder die Festplatte ist langsam; ein Druck wird bestätigt, sobald er gespeichert ist",
  "* MB are left on the disk with the hub's data; once it is full nothing can be saved":
    "auf der Festplatte des Hubs sind noch * MB frei; ist sie voll, lässt sich nichts speichern",
  "days that passed cannot be noted now: *": "vergangene Tage lassen sich gerade nicht vermerken: *",
};

const escaped = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
const patterns = Object.entries(sentences)
  .filter(([sentence]) => sentence.includes("*"))
  .map(([sentence, german]) => [new RegExp(`^${escaped(sentence).replaceAll("*", "(.*)")}$`, "s"), german] as const);

/** A sentence of the hub in German; null where it is not known. */
function german(sentence: string): string | null {
  if (Object.hasOwn(sentences, sentence)) return sentences[sentence] ?? null;
  for (const [pattern, text] of patterns) {
    const found = pattern.exec(sentence)?.slice(1);
    // What stands in between may be known, too.
    if (found) return text.replaceAll("*", () => inGermanIfKnown(found.shift() ?? ""));
  }
  return null;
}

function inGermanIfKnown(part: string): string {
  return german(part) ?? part;
}

/** A sentence of the hub in the person's language, as far as it is known. */
export function inWords(sentence: string): string {
  return lang === "de" ? (german(sentence) ?? sentence) : sentence;
}

/** What the hub says against something, in German. */
export function inGerman({ code, message, details = {} }: WireError): string {
  const text = Object.hasOwn(codes, code) ? codes[code] : undefined;
  return german(message) ?? (typeof text === "function" ? text({ message, details }) : text) ?? message;
}
