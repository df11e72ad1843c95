-- Hubs collect tombstones: of one scope, some at a time, once a day.

-- When the tombstones of a scope were last looked through to the end.
ALTER TABLE kairos.sync_clock ADD COLUMN collected_at bigint NOT NULL DEFAULT 0;

-- Takes away at most so many tombstones of a scope, those of them that are older than that and read by every hub seen in that
-- time; within the fence of whom it acts for. Gives how many went; fewer than asked for: there are no more.
CREATE FUNCTION kairos.collect_some(place text, older_than_ms bigint, now_ms bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  horizon bigint := now_ms - older_than_ms;
  tbl text;
  all_read bigint;
  gone bigint;
  newest bigint;
  total bigint := 0;
BEGIN
  IF horizon IS NULL OR older_than_ms < 0 THEN
    RAISE EXCEPTION 'how long tombstones live must be said, and what time it is' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF most IS NULL OR most < 1 THEN
    RAISE EXCEPTION 'how many tombstones may go must be said' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM 1 FROM kairos.sync_clock c WHERE c.scope = place FOR UPDATE;
  SELECT min(h.cursor) INTO all_read FROM kairos.hub_state h WHERE h.scope = place AND h.seen_at >= horizon;
  -- Where no hub was seen there is nobody to say that it has read them.
  IF all_read IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM set_config('kairos.collecting', 'on', true);
  -- Who was away too long brings back every event and every conflict it has: these must find their tombstones.
  FOR tbl IN SELECT DISTINCT r.tbl FROM kairos.registers r WHERE r.tbl NOT IN ('completion_events', 'conflicts') LOOP
    EXIT WHEN total >= most;
    EXECUTE format(
      'WITH old AS (
         SELECT id FROM kairos.%1$I WHERE scope = $1 AND seq <= $2 AND deleted_at < $3 AND updated_at < $3
         ORDER BY seq LIMIT $4
       ), gone AS (
         DELETE FROM kairos.%1$I WHERE id IN (SELECT id FROM old) RETURNING seq
       ) SELECT count(*), max(seq) FROM gone', tbl) INTO gone, newest USING place, all_read, horizon, most - total;
    total := total + gone;
    UPDATE kairos.sync_clock c SET gc_seq = newest WHERE c.scope = place AND c.gc_seq < newest;
  END LOOP;
  PERFORM set_config('kairos.collecting', '', true);
  RETURN total;
END $$;
REVOKE ALL ON FUNCTION kairos.collect_some FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kairos.collect_some TO kairos_hub;

-- The same for a person's every scope at once, by hand.
CREATE OR REPLACE FUNCTION kairos.collect(older_than_ms bigint, now_ms bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  place text;
  total bigint := 0;
BEGIN
  FOR place IN SELECT c.scope FROM kairos.sync_clock c ORDER BY c.scope LOOP
    total := total + kairos.collect_some(place, older_than_ms, now_ms, 9223372036854775807);
  END LOOP;
  RETURN total;
END $$;
