#!/usr/bin/env bash
# limbeck beside its peers, as tables in Markdown on standard output: benches/peers/run.sh [OPTION…]
#
#     --rounds N                   of the long scenarios; default 7
#     --peers NAME,…               limbeck, limbeck-single, sqlx, refinery, diesel, sea-orm, sqlx_migrator,
#                                  alembic, dbmate, client (psql or sqlite3); default all
#     --scenarios NAME,…           nothing, one, fresh, boot, replicas; default all
#
# Installs what is missing (Debian's libpq-dev among it, and dbmate from npm), starts a PostgreSQL of its own by
# tests/servers.sh and stops it in the end, also when it is interrupted. What is measured, and why that is fair, is
# said in src/main.rs. A quiet machine is the reader's part.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../tests/servers.sh
source "$root/tests/servers.sh"
say() { printf '%s\n' "run.sh: $*" >&2; }

has cargo || die "cargo is not installed: see https://rustup.rs"

# ---- what is missing ---------------------------------------------------------------------------------------

# Fewer servers than the tests need, and by the same installer: it asks this.
missing() {
    has python3 || printf 'python3 '
    python3 -c 'import ensurepip, venv' 2>/dev/null || printf 'python3-venv '
    postgres_programs >/dev/null || printf 'postgresql '
    has psql || printf 'postgresql-client '
    has sqlite3 || printf 'sqlite3 '
    # diesel links it.
    has pg_config || printf 'libpq-dev '
    has npm || printf 'nodejs npm '
    has flock || printf 'util-linux '
    ! is_root || has runuser || printf 'util-linux '
}

# The program itself: the one that npm puts into the path starts node first.
dbmate_version=2.36.0
dbmate() { printf '%s\n' "$tools/dbmate-$dbmate_version"/node_modules/@dbmate/*/bin/dbmate; }

install_dbmate() {
    local folder=$tools/dbmate-$dbmate_version
    [ ! -x "$(dbmate)" ] || return 0
    say "downloading dbmate $dbmate_version from npm into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    npm install --silent --no-audit --no-fund --prefix "$folder" "dbmate@$dbmate_version" >&2
    [ -x "$(dbmate)" ] || die "npm has no dbmate for $(uname -m)"
}

install_all
install_dbmate

# ---- build -------------------------------------------------------------------------------------------------

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
say "building"
cargo build --release --locked --manifest-path "$here/Cargo.toml" >&2

# ---- run ---------------------------------------------------------------------------------------------------

rig=
scratch=
bench=
cleanup() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    [ -z "$bench" ] || kill -TERM "$bench" 2>/dev/null || true
    [ -z "$rig" ] || end_rig
    [ -z "$scratch" ] || rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

make_rig "$$"
# Beside the build, not in a folder for temporary files: those may be memory, and SQLite is to write to a disk.
scratch=$(mktemp -d "$CARGO_TARGET_DIR/peers-scratch.XXXXXX")
scratch=$(cd "$scratch" && pwd)
export LIMBECK_TEST_RIG=$rig
PEERS_POSTGRES=$(bash "$root/tests/servers.sh" postgres postgres -c autovacuum=off)
export PEERS_POSTGRES PEERS_ALEMBIC=$alembic PEERS_SCRATCH=$scratch
PEERS_DBMATE=$(dbmate)
export PEERS_DBMATE

# Waited for in the background: a trap then runs at once, not when the command ends.
"$CARGO_TARGET_DIR/release/peers" "$@" </dev/null &
bench=$!
status=0
wait "$bench" || status=$?
bench=
exit "$status"
