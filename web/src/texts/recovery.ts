import { texts } from "../texts";

/** After some days without a deed: an open door, and no question why. */
const en = {
  short: (name: string) => `It has been quiet around “${name}”`,
  shortLead: "That happens to everybody. How would you like to go on?",
  long: (name: string) => `Would you like to meet “${name}” again?`,
  longLead: "A longer rest lies behind you. Every way on is a good one.",
  choose: "See the ways on",
  later: "Not now",
  ways: {
    RESUME: ["Go on as before", "It stays as it is."],
    FRESH_START: ["A fresh start", "From today, as if it were new."],
    SIMPLIFY: ["Make it smaller", "So small that it fits into any day."],
    PAUSE: ["Take a break", "Nothing is asked for until you say so."],
    ARCHIVE: ["Put it away", "Its time may be over. Its history stays."],
  },
  tell: "What stood in the way? Only if you like to tell",
  blockers: {
    NO_TIME: "No time",
    TOO_TIRED: "Too tired",
    FELT_UNWELL: "Not feeling well",
    SCHEDULE_CHANGED: "Days were different",
    TRAVELING: "On a journey",
    OVERWHELMED: "Too much at once",
    LOW_MOTIVATION: "Little joy in it",
    FORGOT: "Did not think of it",
    COULDNT_START: "Hard to begin",
    NEEDED_BREAK: "Needed a rest",
  },
  notes: "In your own words",
  said: {
    RESUME: (name: string) => `“${name}” goes on.`,
    FRESH_START: (name: string) => `“${name}” begins anew today.`,
    SIMPLIFY: (name: string) => `“${name}” becomes smaller.`,
    PAUSE: (name: string) => `“${name}” is on a break.`,
    ARCHIVE: (name: string) => `“${name}” is put away.`,
  },
};

const de: typeof en = {
  short: (name) => `Um „${name}“ ist es still geworden`,
  shortLead: "Das geht allen einmal so. Wie möchtest du weitermachen?",
  long: (name) => `Möchtest du „${name}“ wieder aufnehmen?`,
  longLead: "Eine längere Ruhe liegt hinter dir. Jeder Weg ist ein guter.",
  choose: "Wege ansehen",
  later: "Jetzt nicht",
  ways: {
    RESUME: ["Weiter wie bisher", "Alles bleibt, wie es ist."],
    FRESH_START: ["Ein neuer Anfang", "Ab heute, als wäre sie neu."],
    SIMPLIFY: ["Kleiner machen", "So klein, dass sie in jeden Tag passt."],
    PAUSE: ["Pause machen", "Nichts steht an, bis du es sagst."],
    ARCHIVE: ["Weglegen", "Vielleicht ist ihre Zeit vorbei. Was war, bleibt."],
  },
  tell: "Was kam dazwischen? Nur wenn du magst",
  blockers: {
    NO_TIME: "Keine Zeit",
    TOO_TIRED: "Zu müde",
    FELT_UNWELL: "Nicht wohl",
    SCHEDULE_CHANGED: "Die Tage waren anders",
    TRAVELING: "Auf Reisen",
    OVERWHELMED: "Zu viel auf einmal",
    LOW_MOTIVATION: "Wenig Freude daran",
    FORGOT: "Nicht daran gedacht",
    COULDNT_START: "Der Anfang war schwer",
    NEEDED_BREAK: "Brauchte Ruhe",
  },
  notes: "Mit deinen Worten",
  said: {
    RESUME: (name) => `„${name}“ geht weiter.`,
    FRESH_START: (name) => `„${name}“ beginnt heute neu.`,
    SIMPLIFY: (name) => `„${name}“ wird kleiner.`,
    PAUSE: (name) => `„${name}“ macht Pause.`,
    ARCHIVE: (name) => `„${name}“ ist weggelegt.`,
  },
};

export const words = texts("recovery", en, de);
