#!/bin/sh
# What only a superuser of Postgres may do for Kairos: its roles and its database. Done again, it changes nothing but
# the passwords it is given.
#
# In a container it runs by itself when it lies in /docker-entrypoint-initdb.d. Elsewhere:
#
#   KAIROS_DB_PASSWORD_FILE=… POWERSYNC_DB_PASSWORD_FILE=… PGHOST=… PGUSER=postgres deploy/postgres/init/roles.sh
#
#   KAIROS_DB_PASSWORD          of the role kairos, which owns the tables and as which hubs log in. None: none is set.
#   POWERSYNC_DB_PASSWORD       of the role powersync. None: the role is not made; only phones away from home need it.
#   …_FILE                      the same from a file, which is where secrets belong.
#   KAIROS_DB                   the database (kairos)
set -eu

secret() {
    eval "file=\${$1_FILE:-} text=\${$1:-}"
    # shellcheck disable=SC2154 # by the line above
    if [ -n "$file" ]; then cat "$file"; else printf %s "$text"; fi
}

KAIROS_DB=${KAIROS_DB:-kairos}
kairos=$(secret KAIROS_DB_PASSWORD)
powersync=$(secret POWERSYNC_DB_PASSWORD)
export PGUSER="${PGUSER:-${POSTGRES_USER:-postgres}}" kairos powersync KAIROS_DB

# Passwords go by environment: arguments are seen by everybody on the machine. The server's log does not get them either.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "${PGDATABASE:-postgres}" <<'SQL'
\getenv db KAIROS_DB
\getenv kairos kairos
\getenv powersync powersync
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET client_min_messages = warning;

SELECT 'CREATE ROLE kairos_hub NOLOGIN NOBYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kairos_hub') \gexec
SELECT 'CREATE ROLE kairos LOGIN NOSUPERUSER NOBYPASSRLS'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kairos') \gexec
-- The hub beside the database makes logins for other houses, each its own, from which nobody gets more than from a hub.
ALTER ROLE kairos CREATEROLE;
GRANT kairos_hub TO kairos WITH ADMIN OPTION;
SELECT format('ALTER ROLE kairos PASSWORD %L', :'kairos') WHERE :'kairos' <> '' \gexec

-- Reads every row, whatever the policies say, and writes none: phones are fenced by what they may subscribe to.
SELECT 'CREATE ROLE powersync LOGIN REPLICATION BYPASSRLS'
WHERE :'powersync' <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'powersync') \gexec
SELECT format('ALTER ROLE powersync PASSWORD %L', :'powersync') WHERE :'powersync' <> '' \gexec

SELECT format('CREATE DATABASE %I OWNER kairos ENCODING ''UTF8'' TEMPLATE template0', :'db')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'db') \gexec
-- Who is not named here has no business in it.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'db') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO kairos, kairos_hub', :'db') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO powersync', :'db')
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'powersync') \gexec
SQL
