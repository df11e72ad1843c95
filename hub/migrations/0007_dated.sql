-- What a habit is and when it offers help are dated as its days are: a change leaves the past as it was.
-- NULL in rows from before: as the habit itself.
ALTER TABLE habit_schedules ADD COLUMN kind TEXT;
ALTER TABLE habit_schedules ADD COLUMN lapse_threshold_days INTEGER;
ALTER TABLE habit_schedules ADD COLUMN relapse_threshold_days INTEGER;
