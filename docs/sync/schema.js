// The tables a Kairos Hub syncs, for PowerSync's JavaScript SDKs (Web, Node, React Native, Capacitor).
// Generated from the hub's own description of its tables: please do not edit.
import { column, Schema, Table } from '@powersync/common';

// What was there before, and what was meant, travel with each write: the hub merges better with them.
const tracked = { trackPrevious: { onlyWhenChanged: true }, trackMetadata: true, ignoreEmptyUpdates: true };

// A person's profile: name, time zone, start of the day. Its id is the person's.
const users = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    display_name: column.text,
    avatar_color: column.text,
    tz: column.text,
    day_start_min: column.integer,
    week_start: column.integer,
    locale: column.text,
  },
  tracked
);

// What a person likes to see and hear. Its id is derived from the person.
const user_preferences = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    notification_enabled: column.integer,
    default_reminder_time: column.text,
    theme: column.text,
    energy_tracking_enabled: column.integer,
    quiet_start: column.text,
    quiet_end: column.text,
    notification_channels: column.text,
    show_streaks: column.integer,
    show_score: column.integer,
  },
  tracked
);

// What a person or a household wants to do.
// A new row needs name.
const habits = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    household_id: column.text,
    name: column.text,
    description: column.text,
    question: column.text,
    icon: column.text,
    color: column.text,
    anchor_behavior: column.text,
    anchor_type: column.text,
    time_window_start: column.text,
    time_window_end: column.text,
    category: column.text,
    frequency: column.text,
    active_days: column.text,
    kind: column.text,
    target_type: column.text,
    target_value: column.real,
    unit: column.text,
    step: column.real,
    freq_num: column.integer,
    freq_den: column.integer,
    freq_window: column.text,
    estimated_seconds: column.integer,
    micro_version: column.text,
    micro_active: column.integer,
    allow_partial: column.integer,
    subtasks: column.text,
    lapse_threshold_days: column.integer,
    relapse_threshold_days: column.integer,
    allowed_skips_per_week: column.integer,
    phase: column.text,
    status: column.text,
    paused_at: column.integer,
    archived_at: column.integer,
    completion_mode: column.text,
    assigned_to: column.text,
    rotation_config: column.text,
    start_date: column.text,
    sort_key: column.text,
    derived_from: column.text,
    import_ref: column.text,
  },
  tracked
);

// What a habit asks for from a day on, so that a change leaves the past as it was. Its id is derived from habit and day.
// A new row needs habit_id, valid_from.
const habit_schedules = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    habit_id: column.text,
    valid_from: column.text,
    valid_to: column.text,
    frequency: column.text,
    active_days: column.text,
    freq_num: column.integer,
    freq_den: column.integer,
    freq_window: column.text,
    target_type: column.text,
    target_value: column.real,
    unit: column.text,
    kind: column.text,
    lapse_threshold_days: column.integer,
    relapse_threshold_days: column.integer,
  },
  { ...tracked, indexes: { habit: ['habit_id'] } }
);

// A break: of one habit, or of all of a person's (a vacation). Nothing is asked for meanwhile.
// A new row needs from_date.
const pauses = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    habit_id: column.text,
    from_date: column.text,
    to_date: column.text,
    reason: column.text,
  },
  tracked
);

// One habit on one day for one actor: a fold of completion_events. Its id is derived from habit, date and actor.
// A new row needs habit_id, date.
const completions = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    habit_id: column.text,
    date: column.text,
    actor: column.text,
    completed_by: column.text,
    completed_at: column.integer,
    type: column.text,
    partial_percent: column.integer,
    amount: column.real,
    skip_reason: column.text,
    energy_level: column.integer,
    note: column.text,
    source: column.text,
    device_id: column.text,
  },
  { ...tracked, indexes: { day: ['date'], habit_day: ['habit_id', 'date'] } }
);

// What people did, one row a deed, never changed: the truth from which day cells follow.
// A new row needs habit_id, date, verb, occurred_at, time_source, tz, tz_offset_min, source.
const completion_events = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    habit_id: column.text,
    date: column.text,
    actor: column.text,
    verb: column.text,
    value: column.real,
    undo_of: column.text,
    skip_reason: column.text,
    occurred_at: column.integer,
    time_source: column.text,
    tz: column.text,
    tz_offset_min: column.integer,
    source: column.text,
    device_id: column.text,
    press_id: column.text,
    note: column.text,
  },
  { ...tracked, indexes: { habit_day: ['habit_id', 'date'] } }
);

// An offer of help after some days without a deed. Its id is derived from habit, actor and the first of those days.
// A new row needs habit_id, triggered_at, gap_start.
const recovery_sessions = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    habit_id: column.text,
    actor: column.text,
    type: column.text,
    status: column.text,
    action: column.text,
    completed_at: column.integer,
    answered_by: column.text,
    answered_on: column.text,
    triggered_at: column.integer,
    blockers: column.text,
    notes: column.text,
    gap_start: column.text,
    gap_end: column.text,
  },
  tracked
);

// Habits that are done in a row.
// A new row needs name.
const routines = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    household_id: column.text,
    name: column.text,
    description: column.text,
    icon: column.text,
    color: column.text,
    category: column.text,
    status: column.text,
    sort_key: column.text,
  },
  tracked
);

// A habit's place in a routine. Its id is derived from both.
// A new row needs routine_id, habit_id, sort_key.
const routine_habits = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    routine_id: column.text,
    habit_id: column.text,
    order_index: column.integer,
    sort_key: column.text,
    override_duration_seconds: column.integer,
    variant_ids: column.text,
  },
  { ...tracked, indexes: { routine: ['routine_id'] } }
);

// A shorter or longer way through a routine.
// A new row needs routine_id, name.
const routine_variants = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    routine_id: column.text,
    name: column.text,
    estimated_minutes: column.integer,
    is_default: column.integer,
  },
  tracked
);

// One run through a routine, step by step.
// A new row needs routine_id, started_at.
const routine_executions = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    routine_id: column.text,
    variant_id: column.text,
    started_at: column.integer,
    completed_at: column.integer,
    status: column.text,
    current_step_index: column.integer,
    current_step_remaining_seconds: column.integer,
    paused_at: column.integer,
    total_paused_seconds: column.integer,
    step_results: column.text,
  },
  tracked
);

// Buttons, boards and displays. Their secrets stay on the hub that serves them.
// A new row needs name, kind.
const devices = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    household_id: column.text,
    name: column.text,
    kind: column.text,
    hub_id: column.text,
    hw_id: column.text,
    model: column.text,
    fw_version: column.text,
    status: column.text,
    paired_at: column.integer,
    battery_pct: column.integer,
    config: column.text,
  },
  tracked
);

// What a trigger of a device does. Its id is derived from device, button and trigger.
// A new row needs device_id, trigger_key, action.
const device_bindings = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    device_id: column.text,
    button: column.text,
    trigger_key: column.text,
    action: column.text,
    habit_id: column.text,
    routine_id: column.text,
    value: column.real,
    act_as: column.text,
  },
  tracked
);

// People who share habits. Lives in its own scope, h:<id>.
// A new row needs name.
const households = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    name: column.text,
    created_by: column.text,
  },
  tracked
);

// A member of a household: user_id is the member. Its id is derived from household and member; a deleted row is one who left.
// A new row needs household_id.
const household_members = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    household_id: column.text,
    role: column.text,
    display_name: column.text,
    joined_at: column.integer,
  },
  tracked
);

// A value that lost a merge unseen, an upload that could not be applied, a row whose id is somebody else's elsewhere, or one that the server has and that cannot be read. Nothing is lost: the first two can be restored, the others stay where they are.
// A new row needs kind.
const conflicts = new Table(
  {
    scope: column.text,
    user_id: column.text,
    created_at: column.integer,
    updated_at: column.integer,
    kind: column.text,
    table_name: column.text,
    row_id: column.text,
    column_name: column.text,
    lost_value: column.text,
    kept_value: column.text,
    lost_hlc: column.text,
    kept_hlc: column.text,
    reason: column.text,
    operations: column.text,
    client_id: column.text,
    status: column.text,
    settled_at: column.integer,
    settled_by: column.text,
  },
  { ...tracked, indexes: { status: ['status'] } }
);

export const schema = new Schema({
  users,
  user_preferences,
  habits,
  habit_schedules,
  pauses,
  completions,
  completion_events,
  recovery_sessions,
  routines,
  routine_habits,
  routine_variants,
  routine_executions,
  devices,
  device_bindings,
  households,
  household_members,
  conflicts
});
