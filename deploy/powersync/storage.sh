#!/bin/sh
# Gives the PowerSync Service a database of its own for what it makes of the rows. By a superuser; done again, it changes
# nothing but the password.
#
# In a container it runs by itself when it lies in /docker-entrypoint-initdb.d. Elsewhere:
#
#   POWERSYNC_STORAGE_PASSWORD_FILE=… PGHOST=… PGUSER=postgres deploy/powersync/storage.sh
#
#   POWERSYNC_STORAGE_PASSWORD_FILE    the password of the role powersync_storage, or the same without _FILE
set -eu

password=${POWERSYNC_STORAGE_PASSWORD:-}
if [ -n "${POWERSYNC_STORAGE_PASSWORD_FILE:-}" ]; then password=$(cat "$POWERSYNC_STORAGE_PASSWORD_FILE"); fi
export PGUSER="${PGUSER:-${POSTGRES_USER:-postgres}}" password

# By environment, and not into the server's log: arguments are seen by everybody on the machine.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "${PGDATABASE:-postgres}" <<'SQL'
\getenv password password
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;

SELECT 'CREATE ROLE powersync_storage LOGIN NOSUPERUSER'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'powersync_storage') \gexec
SELECT format('ALTER ROLE powersync_storage PASSWORD %L', :'password') WHERE :'password' <> '' \gexec
SELECT 'CREATE DATABASE powersync_storage OWNER powersync_storage ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'powersync_storage') \gexec
REVOKE ALL ON DATABASE powersync_storage FROM PUBLIC;
SQL
