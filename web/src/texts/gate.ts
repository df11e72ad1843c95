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
  },
);
