-- Who a person is at the provider that keeps the accounts. Hubs that never met make the same person of somebody who came from
-- there; who had an account on a hub first keeps its id, and the other hubs learn of it here.

-- Nobody is granted anything here: it is asked and told through the functions only.
CREATE TABLE kairos.identities (
  provider text NOT NULL,
  subject text NOT NULL,
  person text NOT NULL,
  PRIMARY KEY (provider, subject)
);

-- Says that the person acted for is that subject of a provider, unless somebody is already; gives who is.
CREATE FUNCTION kairos.link_identity(provider text, subject text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  known text;
BEGIN
  IF kairos.uid() IS NULL THEN
    RAISE EXCEPTION 'nobody is acting: kairos.user_id is not set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF link_identity.provider !~ '^[!-~]{1,128}$' OR link_identity.subject !~ '^[!-~]{1,128}$'
     OR link_identity.provider IS NULL OR link_identity.subject IS NULL THEN
    RAISE EXCEPTION 'a provider and a subject of it are needed' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO kairos.identities VALUES (link_identity.provider, link_identity.subject, kairos.uid()) ON CONFLICT DO NOTHING;
  SELECT i.person INTO known FROM kairos.identities i
  WHERE i.provider = link_identity.provider AND i.subject = link_identity.subject;
  RETURN known;
END $$;
REVOKE ALL ON FUNCTION kairos.link_identity FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kairos.link_identity TO kairos_hub;

-- Who a subject of a provider is; NULL: nobody said so yet.
CREATE FUNCTION kairos.person_of(provider text, subject text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT i.person FROM kairos.identities i WHERE i.provider = person_of.provider AND i.subject = person_of.subject $$;
REVOKE ALL ON FUNCTION kairos.person_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kairos.person_of TO kairos_hub;
