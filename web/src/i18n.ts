/**
 * The words that everybody shares, in English and German; those of a page stand in `texts/<page>.ts`.
 *
 * Kind and plain: no word here counts, compares or blames (test/i18n.test.ts keeps it so).
 */

const en = {
  // Everywhere
  offline: "Your hub cannot be reached right now.",
  somethingElse: "That did not work. Please try again.",
  undo: "Undo",
  close: "Close",
  cancel: "Cancel",
  save: "Save",
  copy: "Copy",
  copied: "Copied",
  today: "Today",
  skipLink: "Go to content",
  loading: "One moment…",
  email: "E-mail",
  password: "Password",
  start: "Start",
  signOut: "Sign out",
  done: "Done",

  // Habits
  habitName: "I want to",
  habitNameExample: "drink a glass of water",
  anchor: "after I",
  anchorExample: "make coffee",
  anchorIdeas: ["make coffee", "brush my teeth", "come home", "sit down to work", "get into bed"],
  afterI: (anchor: string) => `after I ${anchor}`,
  addHabit: "Add a habit",
  add: "Add",
  added: (name: string) => `“${name}” is on your list.`,

  // Today
  progressLabel: (done: number, total: number) => `${done} of ${total} done today`,
  complete: (name: string) => `Complete: ${name}`,
  takeBack: (name: string) => `Take back: ${name}`,
  skippedToday: "resting today",
  more: (name: string) => `One more: ${name}`,
  less: (name: string) => `One less: ${name}`,
  didComplete: (name: string) => `${name}: done`,
  didSkip: (name: string) => `${name}: resting today`,
  didAdd: (name: string, value: string) => `${name}: ${value}`,
  didUndo: (name: string) => `${name}: taken back`,
  allDone: "That is everything for today.",
  allDoneMore: "Enjoy the rest of your day.",
  noHabits: "Nothing here yet",
  noHabitsLead: "One small habit is a good beginning.",
  nothingDue: "Nothing is due today",
  nothingDueLead: "Enjoy the quiet.",
  reconnecting: "Looking for your hub…",
};

type Strings = typeof en;

const de: Strings = {
  offline: "Dein Hub ist gerade nicht erreichbar.",
  somethingElse: "Das hat nicht geklappt. Bitte versuche es noch einmal.",
  undo: "Rückgängig",
  close: "Schließen",
  cancel: "Abbrechen",
  save: "Speichern",
  copy: "Kopieren",
  copied: "Kopiert",
  today: "Heute",
  skipLink: "Zum Inhalt",
  loading: "Einen Moment …",
  email: "E-Mail",
  password: "Passwort",
  start: "Los geht’s",
  signOut: "Abmelden",
  done: "Fertig",

  habitName: "Ich möchte",
  habitNameExample: "ein Glas Wasser trinken",
  anchor: "nachdem ich",
  anchorExample: "Kaffee gekocht habe",
  anchorIdeas: ["Kaffee gekocht habe", "Zähne geputzt habe", "nach Hause gekommen bin", "am Schreibtisch sitze", "ins Bett gegangen bin"],
  afterI: (anchor) => `nachdem ich ${anchor}`,
  addHabit: "Gewohnheit hinzufügen",
  add: "Hinzufügen",
  added: (name) => `„${name}“ steht auf deiner Liste.`,

  progressLabel: (done, total) => `${done} von ${total} heute erledigt`,
  complete: (name) => `Erledigen: ${name}`,
  takeBack: (name) => `Zurücknehmen: ${name}`,
  skippedToday: "ruht heute",
  more: (name) => `Eins mehr: ${name}`,
  less: (name) => `Eins weniger: ${name}`,
  didComplete: (name) => `${name}: erledigt`,
  didSkip: (name) => `${name}: ruht heute`,
  didAdd: (name, value) => `${name}: ${value}`,
  didUndo: (name) => `${name}: zurückgenommen`,
  allDone: "Das ist alles für heute.",
  allDoneMore: "Genieße den Rest des Tages.",
  noHabits: "Noch nichts hier",
  noHabitsLead: "Eine kleine Gewohnheit ist ein guter Anfang.",
  nothingDue: "Heute steht nichts an",
  nothingDueLead: "Genieße die Ruhe.",
  reconnecting: "Suche deinen Hub …",
};

/** Both languages, for the test that reads them. */
export const languages = { en, de };

/** The browser's first language that we have, with its region for dates and numbers. */
function choose(): { lang: keyof typeof languages; locale: string } {
  const wanted = typeof navigator === "undefined" ? [] : (navigator.languages ?? [navigator.language]);
  for (const locale of wanted) {
    const lang = locale.slice(0, 2).toLowerCase();
    if (lang === "en" || lang === "de") return { lang, locale };
  }
  return { lang: "en", locale: "en-GB" };
}

export const { lang, locale } = choose();
export const t: Strings = languages[lang];

const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });

/** "3", "2.5" or, in German, "2,5". */
export function amount(value: number): string {
  return number.format(value);
}
