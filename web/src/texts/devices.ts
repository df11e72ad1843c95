import { texts } from "../texts";

/** A new button, and its first press. */
export const words = texts(
  "devices",
  {
    press: "A press completes",
    later: "I choose that later",
    now: "Press it now",
    nowLead: (habit: string) => `This page notices the press, and “${habit}” is done.`,
    waiting: "Waiting for the first press…",
    connected: "Your button is here. Now press it.",
    notNow: "I press it later",
    arrived: "It works",
    arrivedLead: (button: string, habit: string) => `“${button}” was pressed, and “${habit}” is noted for today.`,
    takeBack: "Take this try back",
    tookBack: "Taken back. The button stays as it is.",
    lovely: "Lovely",
  },
  {
    press: "Ein Druck erledigt",
    later: "Das wähle ich später",
    now: "Jetzt drücken",
    nowLead: (habit) => `Diese Seite bemerkt den Druck, und „${habit}“ ist erledigt.`,
    waiting: "Warte auf den ersten Druck …",
    connected: "Dein Taster ist da. Jetzt drücken.",
    notNow: "Ich drücke später",
    arrived: "Es geht",
    arrivedLead: (button, habit) => `„${button}“ wurde gedrückt, und „${habit}“ ist für heute notiert.`,
    takeBack: "Den Versuch zurücknehmen",
    tookBack: "Zurückgenommen. Der Taster bleibt, wie er ist.",
    lovely: "Schön",
  },
);
