import { texts } from "../texts";

/** Leaving for good: what goes, what stays, and how it stands meanwhile. */

const en = {
  title: "Delete your account",
  way: "Delete my account…",
  lead: "For good: there is no way back. Take your time.",

  goes: "What goes",
  goesAtOnce: "At once, you are signed out everywhere. Your buttons, mirrors and API tokens do nothing any more.",
  goesData: "Then everything that is yours alone: habits, days, notes, routines, settings.",
  goesServer: "The same on the server your hub is connected with, and on your other hubs that share it.",
  goesThere: "And your record in PocketBase, where this hub may delete it. Where it may not, you are told.",
  goesPhone: "What this device keeps of yours goes, too.",
  goesWaiting: (n: number) => (n === 1 ? "One change on this device has not reached your hub. It goes with the rest." : `${n} changes on this device have not reached your hub. They go with the rest.`),

  stays: "What stays",
  staysHousehold: "What you wrote in a household, for the others in it.",
  staysBackups: "Backups that were made before, until they are too many or somebody deletes them.",
  staysPhones: "What your other phones keep. Sign out on them first, and have it removed there.",
  staysBlank: "Of each entry an empty place with its id, so that other copies let go of it, too.",

  exportTitle: "Take it along first",
  exportLead: "One file with everything. Any hub can read it back as it was.",
  export: "Save everything as a file",
  exporting: "One moment, the file is being written…",
  exported: (name: string) => `Saved as ${name}.`,
  exportMore: "Other formats",

  last: "You look after this hub alone",
  lastLead: "Without you nobody could add people, restore a backup or let somebody in again. Add another administrator first; after that you can go.",
  lastWay: "To the people of this hub",

  password: "Your password",
  passwordHint: "So that it is you, and not somebody who found this device unlocked.",
  submit: "Delete my account",
  ask: "Delete your account for good?",
  askText: "Everything that is yours alone goes now, and nobody can bring it back.",
  yes: "Delete",
  working: "Your hub begins to delete…",

  // Somebody else, by an administrator
  deleteOf: (name: string) => `Delete ${name}’s account`,
  askOf: (name: string) => `Delete ${name}’s account for good?`,
  askOfLead: "There is no way back. To shut somebody out for a while, disable the account instead.",
  ofGoes: "What goes: access at once; then all habits, days, notes and settings of theirs, here, on the server and on other hubs that share it.",
  ofStays: "What stays: what they wrote in a household, backups made before, and what their phones keep.",
  ofExport: (email: string) => `To give them a file with everything first, on the hub’s own machine: kairos-hub export --user ${email} FILE`,
  begun: (name: string) => `${name}’s account is being deleted.`,
  leaving: "is being deleted",
  waits: "is being deleted; waits for the server",
  gone: (name: string) => `${name}’s account is gone, and all that was theirs.`,
};

const de: typeof en = {
  title: "Dein Konto löschen",
  way: "Mein Konto löschen …",
  lead: "Für immer: Es gibt keinen Weg zurück. Nimm dir Zeit.",

  goes: "Was geht",
  goesAtOnce: "Du wirst sofort überall abgemeldet. Deine Taster, Spiegel und API-Schlüssel tun nichts mehr.",
  goesData: "Danach alles, was nur dir gehört: Gewohnheiten, Tage, Notizen, Routinen, Einstellungen.",
  goesServer: "Dasselbe auf dem Server, mit dem dein Hub verbunden ist, und auf deinen anderen Hubs an ihm.",
  goesThere: "Auch dein Eintrag in PocketBase, wenn dieser Hub ihn löschen darf. Darf er es nicht, sagt er es dir.",
  goesPhone: "Auch was dieses Gerät von dir aufhebt.",
  goesWaiting: (n) => (n === 1 ? "Eine Änderung auf diesem Gerät ist noch nicht bei deinem Hub. Sie geht mit." : `${n} Änderungen auf diesem Gerät sind noch nicht bei deinem Hub. Sie gehen mit.`),

  stays: "Was bleibt",
  staysHousehold: "Was du in einem Haushalt geschrieben hast, für die anderen darin.",
  staysBackups: "Sicherungen von vorher, bis es zu viele sind oder jemand sie löscht.",
  staysPhones: "Was deine anderen Handys aufheben. Melde dich dort vorher ab und lass es entfernen.",
  staysBlank: "Von jedem Eintrag ein leerer Platz mit seiner Kennung, damit auch andere Kopien ihn loslassen.",

  exportTitle: "Nimm es vorher mit",
  exportLead: "Eine Datei mit allem. Jeder Hub kann sie wieder einlesen, wie es war.",
  export: "Alles als Datei sichern",
  exporting: "Einen Moment, die Datei wird geschrieben …",
  exported: (name) => `Gesichert als ${name}.`,
  exportMore: "Andere Formate",

  last: "Du verwaltest diesen Hub allein",
  lastLead: "Ohne dich könnte niemand Personen hinzufügen, eine Sicherung zurückholen oder jemanden wieder einlassen. Füge erst jemanden hinzu, der den Hub auch verwaltet; danach kannst du gehen.",
  lastWay: "Zu den Menschen auf diesem Hub",

  password: "Dein Passwort",
  passwordHint: "Damit du es bist, und nicht jemand, der dieses Gerät offen gefunden hat.",
  submit: "Mein Konto löschen",
  ask: "Dein Konto für immer löschen?",
  askText: "Alles, was nur dir gehört, geht jetzt, und niemand kann es zurückholen.",
  yes: "Löschen",
  working: "Dein Hub beginnt zu löschen …",

  deleteOf: (name) => `Das Konto von ${name} löschen`,
  askOf: (name) => `Das Konto von ${name} für immer löschen?`,
  askOfLead: "Es gibt keinen Weg zurück. Soll jemand nur eine Weile draußen bleiben, sperre das Konto stattdessen.",
  ofGoes: "Was geht: der Zugang sofort; danach alle Gewohnheiten, Tage, Notizen und Einstellungen der Person, hier, auf dem Server und auf anderen Hubs an ihm.",
  ofStays: "Was bleibt: was sie in einem Haushalt geschrieben hat, Sicherungen von vorher, und was ihre Handys aufheben.",
  ofExport: (email) => `Soll sie vorher eine Datei mit allem bekommen, auf dem Rechner des Hubs: kairos-hub export --user ${email} DATEI`,
  begun: (name) => `Das Konto von ${name} wird gelöscht.`,
  leaving: "wird gelöscht",
  waits: "wird gelöscht; wartet auf den Server",
  gone: (name) => `Das Konto von ${name} ist fort, und alles, was der Person gehörte.`,
};

export const words = texts("leaving", en, de);
