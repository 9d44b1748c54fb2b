#!/usr/bin/env bash
# Runs every test, against real servers: tests/run.sh [arguments of the test binaries]
#
# Installs what is missing (Debian), starts servers of its own in a temporary folder on free ports, runs `cargo
# test` of both packages with all features and the examples, prints one line of totals and stops what it and the tests started,
# also when it is interrupted. Two of it may run at once. The servers are those of tests/servers.sh: a PostgreSQL,
# a MariaDB and a MySQL start here, the poolers, the cluster, the other versions and the servers that a test kills start
# when the first test asks for them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/servers.sh
source tests/servers.sh
say() { printf '%s\n' "run.sh: $*" >&2; }

has cargo || die "cargo is not installed: see https://rustup.rs"
install_all

# ---- the servers -------------------------------------------------------------------------------------------

rig=
group=
cleanup() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ -n "$group" ]; then
        # Cargo, the tests that it runs, and the processes that they start.
        kill -TERM -- "-$group" 2>/dev/null || true
        for _ in $(seq 50); do
            kill -0 -- "-$group" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$group" 2>/dev/null || true
    fi
    [ -z "$rig" ] || end_rig
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

make_rig "$$"
say "starting servers in $rig"
export LIMBECK_TEST_RIG=$rig
LIMBECK_TEST_POSTGRES_URL=$(bash tests/servers.sh postgres postgres)
LIMBECK_TEST_MARIADB_URL=$(bash tests/servers.sh mariadb mariadb)
LIMBECK_TEST_MYSQL_URL=$(bash tests/servers.sh mysql mysql)
export LIMBECK_TEST_POSTGRES_URL LIMBECK_TEST_MARIADB_URL LIMBECK_TEST_MYSQL_URL
say "PostgreSQL $(psql -X -A -t "$LIMBECK_TEST_POSTGRES_URL" -c 'SHOW server_version')"
for name in mariadb mysql; do
    folder=$rig/$name
    say "$name $(asks_mariadb 'SELECT VERSION()')"
done
export LIMBECK_TEST_ALEMBIC=$alembic
export LIMBECK_TEST_ALEMBIC_OLD=$alembic_old
export LIMBECK_TEST_MERMAID=$mermaid
LIMBECK_TEST_DOT=$(command -v dot)
export LIMBECK_TEST_DOT
export LIMBECK_TEST_REQUIRE_SERVERS=1

# ---- the tests ---------------------------------------------------------------------------------------------

# Shows and keeps a command's output. In a process group of its own, and waited for: a trap then runs at once,
# not when the command ends.
run() {
    local status=0
    set -m
    { "$@" 2>&1 | tee -a "$rig/output"; } </dev/null &
    group=$!
    set +m
    wait "$group" || status=$?
    group=
    return "$status"
}

broken=0
# More than there are cores here: most tests wait for servers and processes.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}
# `cargo test` builds the examples of both packages as well, with the features of all.
export LIMBECK_TEST_EXAMPLES_ARE_BUILT=1
run cargo test --workspace --all-features --no-fail-fast -- "$@" || broken=1
failed_examples=0
for example in quickstart tooling schema_from_builders; do
    say "example $example"
    run "${CARGO_TARGET_DIR:-target}/debug/examples/$example" || failed_examples=$((failed_examples + 1))
done

read -r passed failed < <(awk '
    /^test result: / {
        for (i = 1; i < NF; i++) {
            if ($(i + 1) == "passed;") passed += $i
            if ($(i + 1) == "failed;") failed += $i
        }
    }
    END { print passed + 0, failed + 0 }
' "$rig/output")
# What came to no result, such as a test that does not compile, failed as well.
if [ "$broken" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
failed=$((failed + failed_examples))
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
