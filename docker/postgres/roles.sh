#!/bin/sh
# Creates the two roles that Plumbline uses: the owner, who migrates, and the application, who cannot alter the record.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v owner_password="$PLUMBLINE_OWNER_PASSWORD" -v app_password="$PLUMBLINE_APP_PASSWORD" <<'SQL'
CREATE ROLE plumbline_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE plumbline_app LOGIN PASSWORD :'app_password';
CREATE DATABASE plumbline OWNER plumbline_owner;
SQL
