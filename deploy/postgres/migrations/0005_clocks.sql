-- Clocks that nobody can read, or that nobody believes, are no reason that an edit by hand does not count.

-- A clock that hubs believe: readable, and of a time before 2200. Others come before all that are.
CREATE FUNCTION kairos.believed(clock text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN clock ~ '^[0-9a-f]{16}-[!-~]{1,64}$' AND left(clock, 12) COLLATE "C" < '0699e991a800' THEN clock END;

-- A clock as hubs can read it.
CREATE FUNCTION kairos.readable(clock text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN clock ~ '^[0-9a-f]{16}-[!-~]{1,64}$' THEN clock ELSE '0000000000000000-pg' END;

-- A clock for an edit by hand: later than now and than what it stands on, of a node that nobody else is.
CREATE OR REPLACE FUNCTION kairos.tick(seen text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wall text := lpad(to_hex(kairos.now_ms() << 16), 16, '0');
  after text := left(kairos.believed(seen), 16);
BEGIN
  IF after IS NOT NULL THEN
    after := lpad(to_hex(('x' || after)::bit(64)::bigint + 1), 16, '0');
  END IF;
  RETURN greatest(wall COLLATE "C", after COLLATE "C") || '-pg' || lpad(to_hex(floor(random() * 16777216)::integer), 6, '0');
END $$;

-- The clock of each register of a row: those written out, or the row's own for every register it has.
CREATE OR REPLACE FUNCTION kairos.clocks(tbl text, hlc text, _clk jsonb, extra jsonb, deleted boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(
    (SELECT jsonb_object_agg(c.key, kairos.readable(c.value)) FROM jsonb_each_text(clocks._clk) c),
    jsonb_object_agg(name, kairos.readable(clocks.hlc)))
  FROM (
    SELECT r.register FROM kairos.registers r WHERE r.tbl = clocks.tbl AND NOT r.derived
    UNION SELECT jsonb_object_keys(coalesce(clocks.extra, '{}'))
    UNION SELECT 'deleted_at' WHERE clocks.deleted
  ) registers (name)
$$;

-- An edit by hand stamps what it changed, and nothing else.
CREATE OR REPLACE FUNCTION kairos.hand_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  was jsonb := to_jsonb(OLD);
  given jsonb := to_jsonb(NEW);
  one record;
  changed text[] := '{}';
  folded boolean := false;
  newest text;
BEGIN
  IF NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.created_at IS DISTINCT FROM OLD.created_at THEN
    RAISE EXCEPTION 'a row of % keeps user_id and created_at: who made it, and when', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  FOR one IN
    SELECT * FROM kairos.registers r
    WHERE r.tbl = TG_TABLE_NAME AND given -> r.col IS DISTINCT FROM was -> r.col
    ORDER BY r.col
  LOOP
    -- Put back in silence, an edit would seem to have worked.
    IF one.derived THEN
      RAISE EXCEPTION '%.% follows from completion_events', TG_TABLE_NAME, one.col
        USING ERRCODE = 'restrict_violation', HINT = 'Insert or delete an event; a hub brings the day up to date.';
    END IF;
    IF one.fixed THEN
      RAISE EXCEPTION '%.% never changes', TG_TABLE_NAME, one.col
        USING ERRCODE = 'restrict_violation', HINT = 'Delete the row, and make another.';
    END IF;
    IF one.needed AND given ->> one.col IS NULL THEN
      RAISE EXCEPTION '%.% must not be empty', TG_TABLE_NAME, one.col USING ERRCODE = 'not_null_violation';
    END IF;
    changed := changed || one.register;
    folded := folded OR one.folded;
  END LOOP;

  IF NEW.extra IS DISTINCT FROM OLD.extra THEN
    PERFORM kairos.check_extra(TG_TABLE_NAME, NEW.extra);
    -- What is taken out stays as a NULL: its clock needs something to speak of.
    NEW.extra := coalesce((SELECT jsonb_object_agg(k, NULL::text) FROM jsonb_object_keys(OLD.extra) k), '{}')
      || coalesce(NEW.extra, '{}');
    changed := changed || ARRAY(
      SELECT n.key FROM jsonb_each(NEW.extra) n WHERE n.value IS DISTINCT FROM OLD.extra -> n.key);
  END IF;

  IF NEW.deleted_at IS DISTINCT FROM OLD.deleted_at THEN
    IF kairos.follows(TG_TABLE_NAME) THEN
      RAISE EXCEPTION '% come and go with their events', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Delete the events of the day in completion_events.';
    END IF;
    changed := changed || 'deleted_at'::text;
    -- A habit that is deleted measures its days as before.
    folded := folded OR TG_TABLE_NAME IN ('completion_events', 'habit_schedules');
  END IF;

  -- Tools that write every column they read back bring these along.
  NEW.hlc := OLD.hlc;
  NEW.updated_at := OLD.updated_at;
  NEW._clk := OLD._clk;
  NEW.seq := OLD.seq;
  IF changed = '{}' THEN
    RETURN NEW;
  END IF;

  SELECT max(kairos.believed(c.value) COLLATE "C") INTO newest FROM jsonb_each_text(OLD._clk) c;
  NEW.hlc := kairos.tick(greatest(kairos.believed(OLD.hlc) COLLATE "C", newest COLLATE "C"));
  NEW.updated_at := kairos.millis(NEW.hlc);
  NEW._clk := kairos.clocks(
    TG_TABLE_NAME, OLD.hlc, OLD._clk, OLD.extra, OLD.deleted_at IS NOT NULL AND NOT kairos.follows(TG_TABLE_NAME))
    || (SELECT jsonb_object_agg(r, NEW.hlc) FROM unnest(changed) r);
  NEW.seq := kairos.next_seq(NEW.scope);
  IF folded THEN
    PERFORM kairos.note_cells(TG_TABLE_NAME, was);
    PERFORM kairos.note_cells(TG_TABLE_NAME, given);
  END IF;
  RETURN NEW;
END $$;
