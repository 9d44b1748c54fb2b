#!/usr/bin/env bash
# Runs every test, against real servers: tests/run.sh [arguments of the test binaries]
#
# Installs what is missing (Debian), starts a PostgreSQL and a MariaDB of its own in a temporary folder on
# free ports, runs `cargo test` with all features and the examples, prints one line of totals and stops what
# it started, also when it is interrupted. Two of it may run at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "run.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# ---- what it needs -----------------------------------------------------------------------------------------

# Servers often stand outside of the PATH.
for folder in /usr/sbin /usr/local/sbin; do PATH=$PATH:$folder; done

newest_postgres() {
    local folder
    if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then
        dirname "$(command -v initdb)"
        return
    fi
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV); do
        [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && { printf '%s\n' "$folder"; return; }
    done
    return 1
}

has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

missing() {
    command -v python3 >/dev/null || printf 'python3 '
    has_venv || printf 'python3-venv '
    newest_postgres >/dev/null || printf 'postgresql '
    { command -v mariadbd && command -v mariadb-install-db && command -v mariadb-admin; } >/dev/null ||
        printf 'mariadb-server '
    # To run PostgreSQL as somebody else.
    [ "$(id -u)" != 0 ] || command -v runuser >/dev/null || printf 'util-linux '
}

command -v cargo >/dev/null || die "cargo is not installed: see https://rustup.rs"
packages=$(missing)
if [ -n "$packages" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "this is missing, under Debian's names: $packages"
        say "install it (PostgreSQL 12 or later with initdb and pg_ctl, MariaDB 10.6 or later with mariadbd"
        die "and mariadb-install-db, Python 3 with its venv module), then run this again"
    fi
    say "installing $packages"
    # The packages would start servers of the system's own; a policy of 101 forbids that while they install.
    policy=/usr/sbin/usr-policy-none
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt=(apt-get -o DPkg::Lock::Timeout=300 -q)
    "${apt[@]}" update >&2
    # shellcheck disable=SC2086 # one word a package
    "${apt[@]}" install -y --no-install-recommends $packages >&2
    if [ "$policy" = /usr/sbin/policy-rc.d ]; then
        rm -f "$policy"
        trap - EXIT
    fi
    [ -z "$(missing)" ] || die "still missing: $(missing)"
fi
postgres_bin=$(newest_postgres)

# ---- Alembic, kept between runs ----------------------------------------------------------------------------

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/test-tools"
target=$(cd "$target" && pwd)
tools=$target/test-tools
alembic=$tools/alembic/bin/python
install_alembic() {
    "$alembic" -c 'import alembic, sqlalchemy, psycopg2' 2>/dev/null && return
    say "installing alembic from PyPI into $tools/alembic"
    rm -rf "$tools/alembic"
    python3 -m venv "$tools/alembic"
    "$alembic" -m pip install -q --disable-pip-version-check \
        'alembic>=1.13,<2' 'sqlalchemy>=2,<3' 'psycopg2-binary>=2.9,<3' >&2
}
if command -v flock >/dev/null; then
    (flock 9; install_alembic) 9>"$tools/lock"
else
    install_alembic
fi

# ---- the servers -------------------------------------------------------------------------------------------

# Left behind by a run that could not end itself: their folders hold the owner's process id.
sweep() {
    local old owner
    for old in "${TMPDIR:-/tmp}"/limbeck-tests.*; do
        owner=$(cat "$old/owner" 2>/dev/null) || continue
        # Another user's, or still at work.
        { [ -O "$old" ] && ! kill -0 "$owner" 2>/dev/null; } || continue
        say "cleaning up after an earlier run: $old"
        stop_servers "$old"
        rm -rf "$old"
    done
}

as_postgres=()
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || die "PostgreSQL refuses to run as root, and there is no user \`postgres\`"
    as_postgres=(runuser -u postgres --)
fi

stop_servers() { # folder
    local pid
    if [ -e "$1/pg/data/postmaster.pid" ]; then
        (cd / && "${as_postgres[@]}" "$postgres_bin/pg_ctl" -D "$1/pg/data" -m immediate -w stop) \
            >/dev/null 2>&1 || true
    fi
    pid=$(cat "$1/mariadb/pid" 2>/dev/null) || return 0
    # The process id may be another's by now.
    if grep -qa -e "--datadir=$1/mariadb/data" "/proc/$pid/cmdline" 2>/dev/null ||
        ps -o command= -p "$pid" 2>/dev/null | grep -qF -e "--datadir=$1/mariadb/data"; then
        kill -KILL "$pid" 2>/dev/null || true
    fi
}

children=()
cleanup() {
    local status=$? child
    trap '' INT TERM HUP
    trap - EXIT
    for child in "${children[@]}"; do
        # The whole group: cargo, and the tests that it runs.
        kill -TERM -- "-$child" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    if [ -n "${rig:-}" ]; then
        stop_servers "$rig"
        rm -rf "$rig"
    fi
    exit "$status"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_postgres() {
    local folder=$rig/pg attempt
    mkdir "$folder"
    [ "$(id -u)" != 0 ] || chown postgres: "$folder"
    (cd / && "${as_postgres[@]}" "$postgres_bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 \
        --locale=C --no-sync) >"$rig/initdb.log" 2>&1 || { cat "$rig/initdb.log" >&2; die "initdb failed"; }
    for attempt in 1 2 3 4 5; do
        postgres_port=$(free_port)
        # From / since that user need not be able to read this folder.
        if (cd / && "${as_postgres[@]}" "$postgres_bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 \
            -o "-c listen_addresses=127.0.0.1 -c port=$postgres_port -c unix_socket_directories=$folder \
                -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off" \
            start) >/dev/null 2>&1; then
            return
        fi
        say "PostgreSQL did not start on port $postgres_port (attempt $attempt)"
    done
    cat "$folder/log" >&2
    die "PostgreSQL does not start"
}

start_mariadb() {
    local folder=$rig/mariadb attempt user pid
    user=$(id -un)
    mkdir "$folder"
    mariadb-install-db --no-defaults --datadir="$folder/data" --user="$user" \
        --auth-root-authentication-method=normal --skip-test-db >"$rig/install.log" 2>&1 ||
        { cat "$rig/install.log" >&2; die "mariadb-install-db failed"; }
    for attempt in 1 2 3 4 5; do
        mysql_port=$(free_port)
        # A session of its own, so that an interrupt at the terminal leaves it to the cleanup below.
        setsid mariadbd --no-defaults --user="$user" --datadir="$folder/data" --port="$mysql_port" \
            --bind-address=127.0.0.1 --socket="$folder/s.sock" --pid-file="$folder/server.pid" \
            --max-connections=500 --innodb-flush-log-at-trx-commit=0 --sync-binlog=0 \
            --innodb-flush-method=nosync >>"$folder/log" 2>&1 </dev/null &
        pid=$!
        printf '%s\n' "$pid" >"$folder/pid"
        for _ in $(seq 600); do
            if mariadb-admin --no-defaults -S "$folder/s.sock" -uroot ping >/dev/null 2>&1; then return; fi
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        say "MariaDB did not start on port $mysql_port (attempt $attempt)"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    cat "$folder/log" >&2
    die "MariaDB does not start"
}

rig=
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

sweep
rig=$(mktemp -d "${TMPDIR:-/tmp}/limbeck-tests.XXXXXX")
printf '%s\n' "$$" >"$rig/owner"
# For the user that PostgreSQL runs as.
chmod 755 "$rig"

say "starting servers in $rig"
start_postgres
start_mariadb
export LIMBECK_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$postgres_port/postgres
export LIMBECK_TEST_MYSQL_URL=mysql://root@127.0.0.1:$mysql_port/mysql
export LIMBECK_TEST_ALEMBIC=$alembic
export LIMBECK_TEST_REQUIRE_SERVERS=1

# ---- the tests ---------------------------------------------------------------------------------------------

# In a process group of its own and waited for: a trap runs at once, not when cargo ends.
log=$rig/output
failures=0
run() {
    local status=0
    set -m
    { "$@" 2>&1 | tee -a "$log"; } </dev/null &
    set +m
    children=($!)
    wait $! || status=$?
    children=()
    return "$status"
}

run cargo test --all-features --no-fail-fast -- "$@" || failures=1
for example in quickstart tooling; do
    say "example $example"
    if run cargo run --quiet --all-features --example "$example"; then
        printf 'test result: ok. 1 passed; 0 failed; example %s\n' "$example" >>"$log"
    else
        failures=1
        printf 'test result: FAILED. 0 passed; 1 failed; example %s\n' "$example" >>"$log"
    fi
done

read -r passed failed < <(awk '
    / *test result: / {
        for (i = 1; i < NF; i++) {
            if ($(i + 1) == "passed;") passed += $i
            if ($(i + 1) == "failed;") failed += $i
        }
    }
    END { print passed + 0, failed + 0 }
' "$log")
# What never came to a result, such as a test that does not compile, failed as well.
if [ "$failures" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
