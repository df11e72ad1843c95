import { texts } from "../texts";

/** The door: first run, first habit, sign-in. */
export const words = texts(
  "gate",
  {
    setupTitle: "Welcome home",
    setupCode: "Setup code",
    setupCodeHint: "Your hub showed it when it started.",
    yourName: "Your name",
    passwordHint: "At least 8 characters. A short sentence is perfect.",
    continue: "Continue",
    step: (n: number, of: number) => `Step ${n} of ${of}`,
    firstTitle: (name: string) => (name ? `Hello ${name}` : "Hello"),
    firstLead: "What would you like to do, and what do you already do before it?",
    later: "Later",
    signIn: "Sign in",
    signInTitle: "Good to see you",
    signInAgain: (n: number) =>
      `Please sign in again.${n ? (n > 1 ? ` ${n} changes wait here.` : " One change waits here.") : ""}`,
    goodbyeTitle: "Your account is being deleted",
    goodbye: "You are signed out everywhere. What was yours on this hub goes by itself, within moments. There is nothing more for you to do.",
    goodbyeServer: "On the server and on other hubs it goes when they hear of it. Where they are away for now, your hub waits for them.",
    goodbyeThere: "Your record in PocketBase stays: this hub may not delete it. Whoever keeps PocketBase can. Until then its password opens an empty account here.",
    goodbyeEnd: "Thank you for the time here. All the best.",
  },
  {
    setupTitle: "Willkommen zu Hause",
    setupCode: "Einrichtungscode",
    setupCodeHint: "Dein Hub hat ihn beim Start gezeigt.",
    yourName: "Dein Name",
    passwordHint: "Mindestens 8 Zeichen. Ein kurzer Satz ist ideal.",
    continue: "Weiter",
    step: (n, of) => `Schritt ${n} von ${of}`,
    firstTitle: (name) => (name ? `Hallo ${name}` : "Hallo"),
    firstLead: "Was möchtest du tun, und was tust du ohnehin schon davor?",
    later: "Später",
    signIn: "Anmelden",
    signInTitle: "Schön, dass du da bist",
    signInAgain: (n) =>
      `Bitte melde dich neu an.${n ? (n > 1 ? ` ${n} Änderungen warten hier.` : " Eine Änderung wartet hier.") : ""}`,
    goodbyeTitle: "Dein Konto wird gelöscht",
    goodbye: "Du bist überall abgemeldet. Was dir auf diesem Hub gehörte, geht von selbst, in wenigen Augenblicken. Für dich ist nichts mehr zu tun.",
    goodbyeServer: "Auf dem Server und auf anderen Hubs geht es, sobald sie davon hören. Sind sie gerade nicht erreichbar, wartet dein Hub auf sie.",
    goodbyeThere: "Dein Eintrag in PocketBase bleibt: Dieser Hub darf ihn nicht löschen. Wer PocketBase betreut, kann es. Bis dahin öffnet das Passwort von dort hier ein leeres Konto.",
    goodbyeEnd: "Danke für die Zeit hier. Alles Gute.",
  },
);
