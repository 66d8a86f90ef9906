#!/bin/sh
# Makes the files that compose.yaml takes its secrets from: once, beside it, or in the folder given.
#   sh infra/deploy/secrets.sh
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
# Nobody else on this machine comes in here. The files can be read by whoever reaches them: each
# container reads its own as a user of its own.
chmod 700 "$folder"

secret() {
  [ -e "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"
  chmod 644 "$folder/$1"
}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

secret postgres_password "$(random)"
secret database_url "postgresql+psycopg://doublet:$(cat "$folder/postgres_password")@postgres:5432/doublet"
secret s3_secret_key "$(random)"
secret cookie_secret "$(random)"
secret grafana_password "$(random)"
# The OpenID provider's; empty: nobody logs in.
secret oidc_client_secret ""
