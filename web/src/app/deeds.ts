import { t } from "../i18n";
import type { DeedBody } from "../model";
import { session, toast, toastError } from "../session";
import { words } from "../texts/history";
import type { HabitCommand, Receipt, TodayItem } from "../types";

export interface OfDay {
  habit_id: string;
  date: string;
}

/**
 * Does something on a day, says so, and offers to take it back.
 *
 * What was taken back can be put back, too: an undo is an event like any other, and is named by its id.
 * Whoever shows days hears of it by `kairos-deed` on the window.
 */
export async function act(of: OfDay, command: HabitCommand, deed: DeedBody, say: (after: TodayItem) => string): Promise<Receipt> {
  const receipt = await session.model.act(of, command, deed);
  dispatchEvent(new CustomEvent<Receipt>("kairos-deed", { detail: receipt }));
  const { event_id } = receipt;
  const again = receipt.outcome === "unchanged" || (command === "undo" && !event_id);
  toast(say(receipt.habit), again ? undefined : () => void takeBack(of, event_id, command === "undo"));
  return receipt;
}

async function takeBack(of: OfDay, event_id: string | null, restored: boolean): Promise<void> {
  try {
    await act(of, "undo", event_id ? { event_id } : {}, (after) => (restored ? words.putBack(after.name) : t.didUndo(after.name)));
  } catch (error) {
    toastError(error);
  }
}
