#!/usr/bin/env bash
# Makes one database for Airflow and one for the ledger, each with an owner of its own that may not enter the
# other. Runs when the volume is empty, before the server listens on a port.
set -euo pipefail

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set=metadata_password="$METADATA_PASSWORD" --set=ledger_password="$LEDGER_PASSWORD" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'metadata_password';
CREATE ROLE docflow LOGIN PASSWORD :'ledger_password';
CREATE DATABASE airflow OWNER airflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE ledger OWNER docflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE airflow, ledger FROM PUBLIC;
SQL
