import type { Api } from "../api";
import { randomId } from "../ids";
import type { Habit, PartOfDay, Routine, RoutineStep } from "../types";
import { moved } from "./run-logic";

/** A variant as it is edited; one that is new has a made-up id until it is saved. */
export interface Way {
  id: string;
  name: string;
  isDefault: boolean;
  isNew: boolean;
}

/** A routine while somebody changes it. */
export class Draft {
  routine: Routine | null = null;
  name = "";
  part: PartOfDay = "ANYTIME";
  steps: RoutineStep[] = [];
  ways: Way[] = [];
  private gone: string[] = [];

  constructor(routine: Routine | null = null) {
    if (!routine) return;
    this.routine = routine;
    this.name = routine.name;
    this.part = routine.category;
    this.steps = routine.steps;
    this.ways = routine.variants.map((v) => ({ id: v.id, name: v.name, isDefault: Boolean(v.is_default), isNew: false }));
  }

  place(from: number, to: number): void {
    this.steps = moved(this.steps, from, to);
  }

  add(habit: Habit): void {
    const active = habit.status === "ACTIVE";
    this.steps = [...this.steps, { habit_id: habit.id, name: habit.name, seconds: null, override_duration_seconds: null, variant_ids: null, active }];
  }

  remove(habitId: string): void {
    this.steps = this.steps.filter((step) => step.habit_id !== habitId);
  }

  change(habitId: string, change: Partial<RoutineStep>): void {
    this.steps = this.steps.map((step) => (step.habit_id === habitId ? { ...step, ...change } : step));
  }

  addWay(): void {
    this.ways = [...this.ways, { id: randomId(), name: "", isDefault: false, isNew: true }];
  }

  removeWay(way: Way): void {
    if (!way.isNew) this.gone.push(way.id);
    this.ways = this.ways.filter((w) => w !== way);
    this.eachWayOfSteps((ids) => ids.filter((id) => id !== way.id));
  }

  setDefault(id: string): void {
    for (const way of this.ways) way.isDefault = way.id === id;
  }

  /** A step of all ways says so with null, and so later ones have it too. */
  toggleWay(step: RoutineStep, way: string): void {
    const has = new Set(step.variant_ids ?? this.ways.map((w) => w.id));
    if (!has.delete(way)) has.add(way);
    this.change(step.habit_id, { variant_ids: has.size === this.ways.length ? null : [...has] });
  }

  private eachWayOfSteps(change: (ids: string[]) => string[]): void {
    this.steps = this.steps.map((step) => (step.variant_ids ? { ...step, variant_ids: change(step.variant_ids) } : step));
  }

  /** Writes piece by piece, and what was written stays written: tried again after an error, it goes on where it was. */
  async write(api: Pick<Api, "post" | "put" | "patch" | "delete">): Promise<void> {
    const fields = { name: this.name.trim(), category: this.part };
    if (this.routine) await api.patch(`/api/routines/${this.routine.id}`, fields);
    else this.routine = await api.post<Routine>("/api/routines", fields);
    const at = `/api/routines/${this.routine.id}`;
    for (let id = this.gone[0]; id !== undefined; id = this.gone[0]) {
      await api.delete(`${at}/variants/${id}`);
      this.gone.shift();
    }
    for (const way of this.ways) await this.writeWay(api, at, way);
    const steps = this.steps.map(({ habit_id, override_duration_seconds, variant_ids }) => ({ habit_id, override_duration_seconds, variant_ids }));
    await api.put(`${at}/steps`, { steps });
  }

  private async writeWay(api: Pick<Api, "post" | "patch">, at: string, way: Way): Promise<void> {
    const body = { name: way.name.trim(), is_default: way.isDefault };
    if (!way.isNew) {
      await api.patch(`${at}/variants/${way.id}`, body);
      return;
    }
    const { id } = await api.post<{ id: string }>(`${at}/variants`, body);
    this.eachWayOfSteps((ids) => ids.map((known) => (known === way.id ? id : known)));
    Object.assign(way, { id, isNew: false });
  }
}
