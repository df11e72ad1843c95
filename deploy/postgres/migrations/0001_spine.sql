-- Replication with Postgres: who may see what, what hubs keep beside the rows, and what makes an edit by hand travel.
-- The synced tables come after this, from the one description in kairos-core. Names are qualified throughout.

DO $$
BEGIN
  IF current_setting('server_version_num')::integer < 150000 THEN
    RAISE EXCEPTION 'Kairos needs Postgres 15 or later, this is %', current_setting('server_version');
  END IF;
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'Kairos needs a database with encoding UTF8, this one has %', current_setting('server_encoding');
  END IF;
END $$;

-- The role hubs act as. They log in under names of their own, which are members of it, and SET ROLE kairos_hub.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'kairos_hub') THEN
    BEGIN
      CREATE ROLE kairos_hub NOLOGIN NOBYPASSRLS;
      EXECUTE format('GRANT kairos_hub TO %I', current_user);
    EXCEPTION
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role kairos_hub is lacking, and % may not create it', current_user
          USING HINT = 'Let a superuser run deploy/postgres/init/roles.sh, then try again.';
      -- Somebody else was faster.
      WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'kairos_hub' AND (rolsuper OR rolbypassrls)) THEN
    RAISE EXCEPTION 'the role kairos_hub may read everything, whatever the policies say'
      USING HINT = 'ALTER ROLE kairos_hub NOSUPERUSER NOBYPASSRLS;';
  END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS kairos;
GRANT USAGE ON SCHEMA kairos TO kairos_hub;

-- Time -----------------------------------------------------------------------------------------------------------

-- Milliseconds since 1970, as everywhere in Kairos.
CREATE FUNCTION kairos.now_ms() RETURNS bigint
LANGUAGE sql VOLATILE
RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- The wall-clock part of a clock `%016x-<node>`: 48 bits of milliseconds before 16 of counter.
CREATE FUNCTION kairos.millis(clock text) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN ('x' || left(clock, 16))::bit(64)::bigint >> 16;

-- A clock for an edit by hand: later than now and than what it stands on, of a node that nobody else is.
CREATE FUNCTION kairos.tick(seen text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  wall text := lpad(to_hex(kairos.now_ms() << 16), 16, '0');
  after text := left(seen, 16);
BEGIN
  -- Nothing is later than the end of time; there the node decides.
  IF after COLLATE "C" < '7fffffffffffffff' THEN
    after := lpad(to_hex(('x' || after)::bit(64)::bigint + 1), 16, '0');
  END IF;
  RETURN greatest(wall COLLATE "C", after COLLATE "C") || '-pg' || lpad(to_hex(floor(random() * 16777216)::integer), 6, '0');
END $$;

-- Fences ---------------------------------------------------------------------------------------------------------

-- Who belongs to a household. Nobody is granted anything here: it changes through kairos.set_member only.
CREATE TABLE kairos.memberships (
  household text NOT NULL,
  person text NOT NULL,
  admin boolean NOT NULL DEFAULT false,
  PRIMARY KEY (household, person)
);
CREATE INDEX memberships_person ON kairos.memberships (person);

-- Who made a household: one that everybody left is not there for the next who knows its id.
CREATE TABLE kairos.makers (
  household text PRIMARY KEY,
  person text NOT NULL
);

-- For whom the present transaction acts: set_config('kairos.user_id', …, true). Afterwards the setting is '' and not NULL.
CREATE FUNCTION kairos.uid() RETURNS text
LANGUAGE sql STABLE
RETURN nullif(current_setting('kairos.user_id', true), '');

-- The scopes of the households that person belongs to. Reads what its caller may not.
CREATE FUNCTION kairos.households() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'h:' || m.household FROM kairos.memberships m WHERE m.person = kairos.uid() $$;

-- All scopes that person may see, as one value: asked once a statement, and an index on scope can use it.
CREATE FUNCTION kairos.scopes() RETURNS text[]
LANGUAGE sql STABLE
RETURN ARRAY(SELECT kairos.households()) || ('u:' || kairos.uid());

-- Puts the fence around a table with a scope; its owner stands outside as well.
CREATE FUNCTION kairos.fence(tbl text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  EXECUTE format('ALTER TABLE kairos.%I ENABLE ROW LEVEL SECURITY', tbl);
  EXECUTE format('ALTER TABLE kairos.%I FORCE ROW LEVEL SECURITY', tbl);
  EXECUTE format(
    'CREATE POLICY scope ON kairos.%I FOR ALL TO PUBLIC
       USING (scope = ANY ((SELECT kairos.scopes())::text[]))
       WITH CHECK (scope = ANY ((SELECT kairos.scopes())::text[]))', tbl);
END $$;
REVOKE ALL ON FUNCTION kairos.fence FROM PUBLIC;

-- Takes a person into a household, makes them its admin or not, or lets them go.
CREATE FUNCTION kairos.set_member(household text, person text, admin boolean, present boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  me text := kairos.uid();
  mine kairos.memberships;
  theirs kairos.memberships;
  maker text;
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'nobody is acting: kairos.user_id is not set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF set_member.household !~ '^[!-~]{1,128}$' OR set_member.person !~ '^[!-~]{1,128}$'
     OR set_member.household IS NULL OR set_member.person IS NULL OR set_member.present IS NULL THEN
    RAISE EXCEPTION 'a household, a person and whether they belong to it are needed' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Two at once wait for each other, so that a household has one maker and a right that ends is not used meanwhile.
  PERFORM pg_advisory_xact_lock(hashtextextended('kairos.member ' || set_member.household, 0));
  SELECT * INTO mine FROM kairos.memberships m WHERE m.household = set_member.household AND m.person = me;
  SELECT * INTO theirs FROM kairos.memberships m WHERE m.household = set_member.household AND m.person = set_member.person;

  IF NOT set_member.present AND set_member.person = me THEN
    DELETE FROM kairos.memberships m WHERE m.household = set_member.household AND m.person = me;
    RETURN;
  END IF;
  IF mine.person IS NOT NULL THEN
    -- What is so already may be said again by any member: hubs repeat themselves.
    IF set_member.present = (theirs.person IS NOT NULL)
       AND (NOT set_member.present OR theirs.admin = coalesce(set_member.admin, false)) THEN
      RETURN;
    END IF;
    IF NOT mine.admin THEN
      RAISE EXCEPTION 'only an admin of a household may change who belongs to it' USING ERRCODE = 'insufficient_privilege';
    END IF;
  ELSE
    SELECT m.person INTO maker FROM kairos.makers m WHERE m.household = set_member.household;
    IF maker <> me OR EXISTS (SELECT FROM kairos.memberships m WHERE m.household = set_member.household) THEN
      RAISE EXCEPTION 'this household has members, and % is none of them', me
        USING ERRCODE = 'insufficient_privilege', HINT = 'An admin of it can take them in.';
    END IF;
    IF set_member.person <> me OR NOT set_member.present OR set_member.admin IS NOT TRUE THEN
      RAISE EXCEPTION 'this household has no member yet: who makes it becomes its first admin'
        USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO kairos.makers VALUES (set_member.household, me) ON CONFLICT DO NOTHING;
  END IF;

  IF set_member.present THEN
    INSERT INTO kairos.memberships VALUES (set_member.household, set_member.person, coalesce(set_member.admin, false))
    ON CONFLICT (household, person) DO UPDATE SET admin = excluded.admin;
  ELSE
    DELETE FROM kairos.memberships m WHERE m.household = set_member.household AND m.person = set_member.person;
  END IF;
END $$;
REVOKE ALL ON FUNCTION kairos.set_member FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kairos.set_member TO kairos_hub;

-- What hubs keep beside the rows ----------------------------------------------------------------------------------

-- The counter of a scope: whoever writes there locks it, so that the order of numbers is the order of commits.
CREATE TABLE kairos.sync_clock (
  scope text PRIMARY KEY,
  seq bigint NOT NULL DEFAULT 0,
  -- Tombstones up to here may be gone: who has not read as far starts again.
  gc_seq bigint NOT NULL DEFAULT 0
);

-- How far each hub is, and by which word the two know each other after a restore.
CREATE TABLE kairos.hub_state (
  scope text NOT NULL,
  hub text NOT NULL,
  fence text,
  prev_fence text,
  high_seq bigint NOT NULL DEFAULT 0,
  cursor bigint NOT NULL DEFAULT 0,
  seen_at bigint NOT NULL DEFAULT kairos.now_ms(),
  PRIMARY KEY (scope, hub)
);

-- Day cells whose events, habit or schedules somebody changed by hand: the next hub folds them. An empty date means all
-- cells of the habit.
CREATE TABLE kairos.dirty (
  scope text NOT NULL,
  habit_id text NOT NULL,
  date text NOT NULL,
  actor text NOT NULL,
  PRIMARY KEY (scope, habit_id, date, actor)
);

-- Which hub does for a scope what time itself does.
CREATE TABLE kairos.engine_lease (
  scope text PRIMARY KEY,
  hub text NOT NULL,
  until bigint NOT NULL
);

SELECT kairos.fence(tbl) FROM unnest(ARRAY['sync_clock', 'hub_state', 'dirty', 'engine_lease']) tbl;
GRANT SELECT, INSERT, UPDATE ON kairos.sync_clock, kairos.hub_state TO kairos_hub;
GRANT SELECT, INSERT, UPDATE, DELETE ON kairos.dirty, kairos.engine_lease TO kairos_hub;

-- Says that there is something to read; a poll stands behind it.
CREATE FUNCTION kairos.tell() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_notify('kairos', NEW.scope);
  RETURN NULL;
END $$;

CREATE TRIGGER tell AFTER UPDATE ON kairos.sync_clock
  FOR EACH ROW WHEN (NEW.seq IS DISTINCT FROM OLD.seq) EXECUTE FUNCTION kairos.tell();
CREATE TRIGGER tell_first AFTER INSERT ON kairos.sync_clock
  FOR EACH ROW WHEN (NEW.seq > 0) EXECUTE FUNCTION kairos.tell();

-- Edits by hand ---------------------------------------------------------------------------------------------------

-- What core's description says of every column of the synced tables, as far as an edit by hand needs it.
CREATE TABLE kairos.registers (
  tbl text NOT NULL,
  col text NOT NULL,
  -- Columns of one register merge together and have one clock.
  register text NOT NULL,
  -- A cache that follows from other rows: no clock, never merged.
  derived boolean NOT NULL,
  -- Never changes once the row is there.
  fixed boolean NOT NULL,
  -- Must not be empty.
  needed boolean NOT NULL,
  -- Day cells follow from it.
  folded boolean NOT NULL,
  PRIMARY KEY (tbl, col)
);
GRANT SELECT ON kairos.registers TO PUBLIC;

-- Rows keep id and scope for good, whoever writes.
CREATE FUNCTION kairos.refuse_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'a row of % keeps its id and its scope', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'Delete it, and make another where it belongs.';
END $$;

-- Rows leave as tombstones, one by one.
CREATE FUNCTION kairos.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION '% cannot be truncated: hubs would bring all of it back', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'DELETE leaves tombstones, which travel.';
END $$;

-- The next number of a scope. Its counter is locked by the first row of a statement and written by its end
-- (kairos.hand_end): raised row by row, it would grow a chain of versions that each row had to walk.
CREATE FUNCTION kairos.next_seq(scope text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  pending jsonb := coalesce(nullif(current_setting('kairos.pending', true), ''), '{}')::jsonb;
  n bigint := (pending ->> next_seq.scope)::bigint + 1;
BEGIN
  IF n IS NULL THEN
    INSERT INTO kairos.sync_clock VALUES (next_seq.scope) ON CONFLICT DO NOTHING;
    SELECT c.seq + 1 INTO STRICT n FROM kairos.sync_clock c WHERE c.scope = next_seq.scope FOR UPDATE;
  END IF;
  PERFORM set_config('kairos.pending', (pending || jsonb_build_object(next_seq.scope, n))::text, true);
  RETURN n;
END $$;

-- Writes the counters that a statement raised.
CREATE FUNCTION kairos.hand_end() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  pending text := nullif(current_setting('kairos.pending', true), '');
BEGIN
  -- A statement inside of a deletion by hand leaves it to the deletion.
  IF pending IS NOT NULL AND current_setting('kairos.deleting', true) IS DISTINCT FROM 'on' THEN
    UPDATE kairos.sync_clock c SET seq = p.value::bigint FROM jsonb_each_text(pending::jsonb) p WHERE c.scope = p.key;
    PERFORM set_config('kairos.pending', '', true);
  END IF;
  RETURN NULL;
END $$;

-- Notes which cells are to be folded again because of a row of habits, their schedules, events, or of a cell itself.
CREATE FUNCTION kairos.note_cells(tbl text, was jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  one_day boolean := tbl IN ('completion_events', 'completions');
BEGIN
  INSERT INTO kairos.dirty VALUES (
    was ->> 'scope',
    coalesce(was ->> CASE tbl WHEN 'habits' THEN 'id' ELSE 'habit_id' END, ''),
    CASE WHEN one_day THEN coalesce(was ->> 'date', '') ELSE '' END,
    CASE WHEN one_day THEN coalesce(was ->> 'actor', '') ELSE '' END
  ) ON CONFLICT DO NOTHING;
END $$;

-- Whether rows of a table come and go with others, and have no deletion of their own.
CREATE FUNCTION kairos.follows(tbl text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM kairos.registers r WHERE r.tbl = follows.tbl AND r.derived) $$;

-- What an edit by hand may say in `extra`: columns that nobody described.
CREATE FUNCTION kairos.check_extra(tbl text, extra jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  hidden text;
BEGIN
  IF jsonb_typeof(check_extra.extra) <> 'object' THEN
    RAISE EXCEPTION 'extra of % must be a JSON object', tbl USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT k.key INTO hidden FROM jsonb_object_keys(check_extra.extra) k (key)
  WHERE k.key IN ('id', 'scope', 'user_id', 'created_at', 'updated_at', 'hlc', 'deleted_at', 'extra', '_clk', 'seq')
     OR EXISTS (SELECT FROM kairos.registers r WHERE r.tbl = check_extra.tbl AND k.key IN (r.col, r.register));
  IF hidden IS NOT NULL THEN
    RAISE EXCEPTION 'extra of % must not hold %, which has a place of its own', tbl, hidden
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
END $$;

-- A row made by hand is as one that a hub made: all of its registers have one clock.
CREATE FUNCTION kairos.hand_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  given jsonb := to_jsonb(NEW);
  one record;
BEGIN
  IF NEW.id IS NULL THEN
    RAISE EXCEPTION 'a new row of % needs an id: that of a hub would be derived from what the row is about', TG_TABLE_NAME
      USING ERRCODE = 'not_null_violation';
  END IF;
  IF NEW.scope IS NULL OR NEW.scope !~ '^[uh]:[!-~]{1,128}$' THEN
    RAISE EXCEPTION 'a new row of % needs a scope: u:<person> or h:<household>', TG_TABLE_NAME
      USING ERRCODE = 'not_null_violation';
  END IF;
  NEW.user_id := coalesce(NEW.user_id, kairos.uid(), substring(NEW.scope FROM '^u:(.*)$'));
  IF NEW.user_id IS NULL OR NEW.user_id !~ '^[!-~]{1,128}$' THEN
    RAISE EXCEPTION 'a new row of % needs a user_id: who it is from', TG_TABLE_NAME USING ERRCODE = 'not_null_violation';
  END IF;
  FOR one IN
    SELECT * FROM kairos.registers r
    WHERE r.tbl = TG_TABLE_NAME AND (given ->> r.col IS NULL AND r.needed OR given ->> r.col IS NOT NULL AND r.derived)
    ORDER BY r.col
  LOOP
    IF one.derived THEN
      RAISE EXCEPTION '%.% follows from completion_events', TG_TABLE_NAME, one.col
        USING ERRCODE = 'restrict_violation', HINT = 'Insert an event; a hub brings the day up to date.';
    END IF;
    RAISE EXCEPTION 'a new row of % needs %', TG_TABLE_NAME, one.col USING ERRCODE = 'not_null_violation';
  END LOOP;
  PERFORM kairos.check_extra(TG_TABLE_NAME, NEW.extra);

  NEW.created_at := coalesce(NEW.created_at, kairos.now_ms());
  NEW.hlc := kairos.tick('');
  NEW.updated_at := kairos.millis(NEW.hlc);
  NEW._clk := NULL;
  IF kairos.follows(TG_TABLE_NAME) THEN
    NEW.deleted_at := NULL;
  ELSIF NEW.deleted_at IS NULL AND TG_TABLE_NAME <> 'completion_events' THEN
    -- Where a row of that id was deleted and nobody here knows of it, it lives again. No event comes to be twice.
    NEW._clk := kairos.clocks(TG_TABLE_NAME, NEW.hlc, NULL, NEW.extra, true);
  END IF;
  NEW.seq := kairos.next_seq(NEW.scope);
  IF EXISTS (SELECT FROM kairos.registers r WHERE r.tbl = TG_TABLE_NAME AND r.folded) THEN
    PERFORM kairos.note_cells(TG_TABLE_NAME, given);
  END IF;
  RETURN NEW;
END $$;

-- The clock of each register of a row: those written out, or the row's own for every register it has.
CREATE FUNCTION kairos.clocks(tbl text, hlc text, _clk jsonb, extra jsonb, deleted boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(clocks._clk, jsonb_object_agg(name, clocks.hlc))
  FROM (
    SELECT r.register FROM kairos.registers r WHERE r.tbl = clocks.tbl AND NOT r.derived
    UNION SELECT jsonb_object_keys(coalesce(clocks.extra, '{}'))
    UNION SELECT 'deleted_at' WHERE clocks.deleted
  ) registers (name)
$$;

-- An edit by hand stamps what it changed, and nothing else.
CREATE FUNCTION kairos.hand_update() RETURNS trigger
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

  SELECT max(c.value COLLATE "C") INTO newest FROM jsonb_each_text(OLD._clk) c;
  NEW.hlc := kairos.tick(greatest(OLD.hlc COLLATE "C", newest COLLATE "C"));
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

-- A row deleted by hand stays as a tombstone, which travels.
CREATE FUNCTION kairos.hand_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_setting('kairos.collecting', true) = 'on' AND OLD.deleted_at IS NOT NULL THEN
    RETURN OLD;
  END IF;
  IF OLD.deleted_at IS NULL THEN
    PERFORM set_config('kairos.deleting', 'on', true);
    EXECUTE format('UPDATE kairos.%I SET deleted_at = kairos.now_ms() WHERE id = $1', TG_TABLE_NAME) USING OLD.id;
    PERFORM set_config('kairos.deleting', '', true);
  END IF;
  RETURN NULL;
END $$;

-- Makes a table one of those that sync: the fence, the hubs' rights, the triggers.
CREATE FUNCTION kairos.adopt(tbl text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM kairos.fence(tbl);
  -- No hub deletes a row: it leaves tombstones, and kairos.collect takes those away.
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON kairos.%I TO kairos_hub', tbl);
  EXECUTE format('CREATE TRIGGER fixed BEFORE UPDATE ON kairos.%I FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.scope IS DISTINCT FROM OLD.scope) EXECUTE FUNCTION kairos.refuse_move()', tbl);
  EXECUTE format('CREATE TRIGGER truncated BEFORE TRUNCATE ON kairos.%I FOR EACH STATEMENT
    EXECUTE FUNCTION kairos.refuse_truncate()', tbl);
  EXECUTE format('CREATE TRIGGER hand_insert BEFORE INSERT ON kairos.%I FOR EACH ROW
    WHEN (current_user <> ''kairos_hub'') EXECUTE FUNCTION kairos.hand_insert()', tbl);
  EXECUTE format('CREATE TRIGGER hand_update BEFORE UPDATE ON kairos.%I FOR EACH ROW
    WHEN (current_user <> ''kairos_hub'') EXECUTE FUNCTION kairos.hand_update()', tbl);
  EXECUTE format('CREATE TRIGGER hand_delete BEFORE DELETE ON kairos.%I FOR EACH ROW
    WHEN (current_user <> ''kairos_hub'') EXECUTE FUNCTION kairos.hand_delete()', tbl);
  EXECUTE format('CREATE TRIGGER hand_end AFTER INSERT OR UPDATE OR DELETE ON kairos.%I FOR EACH STATEMENT
    WHEN (current_user <> ''kairos_hub'') EXECUTE FUNCTION kairos.hand_end()', tbl);
END $$;
REVOKE ALL ON FUNCTION kairos.adopt FROM PUBLIC;

-- Comes before a column is added: a row with one clock for all it has says nothing of what it will have.
CREATE FUNCTION kairos.write_out_clocks(tbl text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- The owner stands outside of the fence, and this is no edit; nobody sees the table meanwhile.
  EXECUTE format('ALTER TABLE kairos.%I NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER', tbl);
  EXECUTE format('UPDATE kairos.%1$I SET _clk = kairos.clocks(
      %1$L, hlc, NULL, extra, deleted_at IS NOT NULL AND NOT kairos.follows(%1$L)) WHERE _clk IS NULL', tbl);
  EXECUTE format('ALTER TABLE kairos.%I FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER', tbl);
END $$;
REVOKE ALL ON FUNCTION kairos.write_out_clocks FROM PUBLIC;

-- Tombstones ------------------------------------------------------------------------------------------------------

-- Takes tombstones away that are older than that and read by every hub seen in that time; within the fence of whom it
-- acts for. Gives how many went.
CREATE FUNCTION kairos.collect(older_than_ms bigint, now_ms bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  horizon bigint := now_ms - older_than_ms;
  place text;
  tbl text;
  all_read bigint;
  gone bigint;
  newest bigint;
  total bigint := 0;
BEGIN
  IF horizon IS NULL OR older_than_ms < 0 THEN
    RAISE EXCEPTION 'how long tombstones live must be said, and what time it is' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM set_config('kairos.collecting', 'on', true);
  FOR place IN SELECT c.scope FROM kairos.sync_clock c ORDER BY c.scope LOOP
    PERFORM 1 FROM kairos.sync_clock c WHERE c.scope = place FOR UPDATE;
    SELECT min(h.cursor) INTO all_read FROM kairos.hub_state h WHERE h.scope = place AND h.seen_at >= horizon;
    -- Where no hub was seen there is nobody to say that it has read them.
    CONTINUE WHEN all_read IS NULL;
    -- Who was away too long brings back every event and every conflict it has: these must find their tombstones.
    FOR tbl IN SELECT DISTINCT r.tbl FROM kairos.registers r WHERE r.tbl NOT IN ('completion_events', 'conflicts') LOOP
      EXECUTE format(
        'WITH gone AS (
           DELETE FROM kairos.%I WHERE scope = $1 AND seq <= $2 AND deleted_at < $3 AND updated_at < $3 RETURNING seq
         ) SELECT count(*), max(seq) FROM gone', tbl) INTO gone, newest USING place, all_read, horizon;
      total := total + gone;
      UPDATE kairos.sync_clock c SET gc_seq = newest WHERE c.scope = place AND c.gc_seq < newest;
    END LOOP;
  END LOOP;
  PERFORM set_config('kairos.collecting', '', true);
  RETURN total;
END $$;
REVOKE ALL ON FUNCTION kairos.collect FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kairos.collect TO kairos_hub;

-- PowerSync -------------------------------------------------------------------------------------------------------

-- Offers the synced tables to PowerSync: the publication it reads, without clocks and numbers, and its role's right to
-- read them. Says what is lacking; done again when that has come.
CREATE FUNCTION kairos.publish() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  lists text;
  lacking text;
  tbl text;
BEGIN
  SELECT string_agg(format('kairos.%I (%s)', t.name, t.columns), ', ' ORDER BY t.name) INTO lists
  FROM (
    SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'kairos'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relname IN (SELECT r.tbl FROM kairos.registers r)
      AND (a.attname IN ('id', 'scope', 'user_id', 'created_at', 'updated_at', 'hlc', 'deleted_at', 'extra')
        OR EXISTS (SELECT FROM kairos.registers r WHERE r.tbl = c.relname AND r.col = a.attname))
    GROUP BY c.relname
  ) t;
  BEGIN
    IF EXISTS (SELECT FROM pg_publication WHERE pubname = 'powersync') THEN
      EXECUTE 'ALTER PUBLICATION powersync SET TABLE ' || lists;
    ELSE
      EXECUTE 'CREATE PUBLICATION powersync FOR TABLE ' || lists;
    END IF;
  EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state THEN
    lacking := format('the publication powersync, which %s cannot make as it should be (%s)', current_user, SQLERRM);
  END;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'powersync') THEN
    GRANT USAGE ON SCHEMA kairos TO powersync;
    FOR tbl IN SELECT DISTINCT r.tbl FROM kairos.registers r LOOP
      EXECUTE format('GRANT SELECT ON kairos.%I TO powersync', tbl);
    END LOOP;
  ELSE
    lacking := concat_ws(' and ', lacking, 'the role powersync');
  END IF;
  IF lacking IS NOT NULL THEN
    RAISE WARNING 'PowerSync cannot read yet, for want of %', lacking
      USING HINT = 'Only phones away from home need it. Let a superuser run deploy/postgres/init/roles.sh; then SELECT kairos.publish();';
  END IF;
  RETURN lacking;
END $$;
REVOKE ALL ON FUNCTION kairos.publish FROM PUBLIC;
