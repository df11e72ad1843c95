-- Who is taken into a household hears of it at once: their hub may read its rows from then on.

CREATE FUNCTION kairos.tell_members() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_notify('kairos', 'h:' || coalesce(NEW.household, OLD.household));
  RETURN NULL;
END $$;

CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON kairos.memberships
  FOR EACH ROW EXECUTE FUNCTION kairos.tell_members();
