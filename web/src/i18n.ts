import type { Age } from "./mirror/logic";

/**
 * Every word a person reads, in English and German.
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
  devices: "Devices",
  skipLink: "Go to content",
  loading: "One moment…",

  // First run
  setupTitle: "Welcome home",
  setupCode: "Setup code",
  setupCodeHint: "Your hub showed it when it started.",
  yourName: "Your name",
  email: "E-mail",
  password: "Password",
  passwordHint: "At least 8 characters. A short sentence is perfect.",
  continue: "Continue",
  step: (n: number, of: number) => `Step ${n} of ${of}`,
  firstTitle: (name: string) => (name ? `Hello ${name}` : "Hello"),
  firstLead: "What would you like to do, and what do you already do before it?",
  start: "Start",
  later: "Later",

  // Sign in
  signIn: "Sign in",
  signInTitle: "Good to see you",
  signInAgain: (n: number) =>
    `Please sign in again.${n ? (n > 1 ? ` ${n} changes wait here.` : " One change waits here.") : ""}`,
  signOut: "Sign out",

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

  // Devices
  devicesLead: "Buttons and mirrors in your home.",
  addButton: "Add a button",
  addMirror: "Add a mirror",
  deviceName: "Name",
  deviceNameExample: "Kitchen",
  noDevices: "No device yet",
  noDevicesLead: "A button by the coffee machine makes a habit one press away.",
  online: "online",
  away: "away",
  neverSeen: "not seen yet",
  seen: (when: string) => `seen ${when}`,
  battery: (percent: number) => `battery ${percent} %`,
  button: "Button",
  mirror: "Mirror",
  pressOf: (button: string) => `Press on button ${button}`,
  nothing: "does nothing yet",
  bound: (name: string) => `A press completes “${name}”.`,
  revoke: "Remove",
  revokeDevice: (name: string) => `Remove ${name}`,
  revokeAsk: (name: string) => `Remove “${name}”?`,
  revokeLead: "It is signed out at once. What it has recorded stays.",
  revoked: (name: string) => `“${name}” is removed.`,
  credentialsTitle: (name: string) => `“${name}” is ready`,
  credentialsLead: "The password is shown only now. Put these into your button:",
  topic: "Topic",
  username: "User name",
  tryIt: "Or press it from a terminal",
  done: "Done",
  mirrorCode: "Code on the mirror",
  mirrorName: "Where it hangs",
  mirrorNameExample: "Hallway",
  mirrorShowsMe: "It shows my habits of today to everyone in the room.",
  mirrorActs: "A touch on it may complete them for me",
  approve: "Show on this mirror",
  approved: "The mirror is yours.",

  // Mirror
  wallOf: (done: number, total: number) => `${done} of ${total}`,
  wallMore: (n: number) => `and ${n} more`,
  wallAllDone: "All done for today",
  wallNothing: "Nothing is due today. Enjoy the quiet.",
  wallPair: "Approve this mirror",
  wallPairHow: "Open Kairos Hub on your phone, then Devices.",
  wallSetup: "This hub is new. Open it on your phone to begin.",
  wallWaiting: "Looking for the hub…",
  wallNotAllowed: "This mirror only shows.",
  wallOut: "Back to the app",
  wallAge: (age: NonNullable<Age>) =>
    age.unit === "minutes" ? `as of ${age.n} min ago` : age.unit === "hours" ? `as of ${age.n} h ago` : `as of ${age.n} days ago`,
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
  devices: "Geräte",
  skipLink: "Zum Inhalt",
  loading: "Einen Moment …",

  setupTitle: "Willkommen zu Hause",
  setupCode: "Einrichtungscode",
  setupCodeHint: "Dein Hub hat ihn beim Start gezeigt.",
  yourName: "Dein Name",
  email: "E-Mail",
  password: "Passwort",
  passwordHint: "Mindestens 8 Zeichen. Ein kurzer Satz ist ideal.",
  continue: "Weiter",
  step: (n, of) => `Schritt ${n} von ${of}`,
  firstTitle: (name) => (name ? `Hallo ${name}` : "Hallo"),
  firstLead: "Was möchtest du tun, und was tust du ohnehin schon davor?",
  start: "Los geht’s",
  later: "Später",

  signIn: "Anmelden",
  signInTitle: "Schön, dass du da bist",
  signInAgain: (n) =>
    `Bitte melde dich neu an.${n ? (n > 1 ? ` ${n} Änderungen warten hier.` : " Eine Änderung wartet hier.") : ""}`,
  signOut: "Abmelden",

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

  devicesLead: "Taster und Spiegel in deinem Zuhause.",
  addButton: "Taster hinzufügen",
  addMirror: "Spiegel hinzufügen",
  deviceName: "Name",
  deviceNameExample: "Küche",
  noDevices: "Noch kein Gerät",
  noDevicesLead: "Ein Taster neben der Kaffeemaschine, und eine Gewohnheit ist einen Druck entfernt.",
  online: "online",
  away: "nicht verbunden",
  neverSeen: "noch nicht gesehen",
  seen: (when) => `gesehen ${when}`,
  battery: (percent) => `Batterie ${percent} %`,
  button: "Taster",
  mirror: "Spiegel",
  pressOf: (button) => `Druck auf Taste ${button}`,
  nothing: "tut noch nichts",
  bound: (name) => `Ein Druck erledigt „${name}“.`,
  revoke: "Entfernen",
  revokeDevice: (name) => `${name} entfernen`,
  revokeAsk: (name) => `„${name}“ entfernen?`,
  revokeLead: "Das Gerät wird sofort abgemeldet. Was es aufgezeichnet hat, bleibt.",
  revoked: (name) => `„${name}“ ist entfernt.`,
  credentialsTitle: (name) => `„${name}“ ist bereit`,
  credentialsLead: "Das Passwort wird nur jetzt gezeigt. Trage dies in deinen Taster ein:",
  topic: "Topic",
  username: "Benutzername",
  tryIt: "Oder drücke ihn im Terminal",
  done: "Fertig",
  mirrorCode: "Code auf dem Spiegel",
  mirrorName: "Wo er hängt",
  mirrorNameExample: "Flur",
  mirrorShowsMe: "Er zeigt meine Gewohnheiten von heute allen im Raum.",
  mirrorActs: "Eine Berührung darf sie für mich erledigen",
  approve: "Auf diesem Spiegel zeigen",
  approved: "Der Spiegel gehört zu dir.",

  wallOf: (done, total) => `${done} von ${total}`,
  wallMore: (n) => `und ${n} weitere`,
  wallAllDone: "Alles erledigt für heute",
  wallNothing: "Heute steht nichts an. Genieße die Ruhe.",
  wallPair: "Gib diesen Spiegel frei",
  wallPairHow: "Öffne Kairos Hub auf deinem Telefon, dann Geräte.",
  wallSetup: "Dieser Hub ist neu. Öffne ihn auf deinem Telefon.",
  wallWaiting: "Suche den Hub …",
  wallNotAllowed: "Dieser Spiegel zeigt nur an.",
  wallOut: "Zurück zur App",
  wallAge: (age) =>
    age.unit === "minutes" ? `Stand vor ${age.n} min` : age.unit === "hours" ? `Stand vor ${age.n} h` : `Stand vor ${age.n} Tagen`,
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
