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
has() { command -v "$1" >/dev/null; }

# ---- what it needs -----------------------------------------------------------------------------------------

# Servers often stand outside of the PATH.
PATH=$PATH:/usr/sbin:/usr/local/sbin

# Where the newest PostgreSQL's own programs are.
postgres_programs() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    has initdb && has pg_ctl && dirname "$(command -v initdb)"
}

missing() {
    has python3 || printf 'python3 '
    python3 -c 'import ensurepip, venv' 2>/dev/null || printf 'python3-venv '
    postgres_programs >/dev/null || printf 'postgresql '
    # The clients run the scripts of offline mode.
    has psql || printf 'postgresql-client '
    has sqlite3 || printf 'sqlite3 '
    has mariadb || printf 'mariadb-client '
    { has mariadbd && has mariadb-install-db && has mariadb-admin; } || printf 'mariadb-server '
    # Clocks that disagree.
    has faketime || printf 'faketime '
    # PostgreSQL refuses to run as root.
    [ "$(id -u)" != 0 ] || has runuser || printf 'util-linux '
}

policy=
forget_policy() { [ -z "$policy" ] || rm -f "$policy"; policy=; }

install_packages() {
    local packages
    packages=$(missing)
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" != 0 ] || ! has apt-get; then
        say "this is missing, by Debian's names: $packages"
        say "install PostgreSQL 12 or later (initdb, pg_ctl), MariaDB 10.6 or later (mariadbd,"
        die "mariadb-install-db, mariadb-admin) and Python 3 with its venv module, then run this again"
    fi
    say "installing $packages"
    # The packages would start servers of the system's own: 101 forbids that while they are installed.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        trap forget_policy EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    local apt=(apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update >&2
    # shellcheck disable=SC2086 # a word for each package
    "${apt[@]}" install -y --no-install-recommends $packages >&2
    forget_policy
    packages=$(missing)
    [ -z "$packages" ] || die "still missing: $packages"
}

# Kept between runs.
install_alembic() {
    "$alembic" -c 'import alembic, sqlalchemy, psycopg2' 2>/dev/null && return
    say "installing alembic from PyPI into $tools/alembic"
    rm -rf "$tools/alembic"
    python3 -m venv "$tools/alembic"
    "$alembic" -m pip install -q --disable-pip-version-check \
        'alembic>=1.13,<2' 'sqlalchemy>=2,<3' 'psycopg2-binary>=2.9,<3' >&2
}

has cargo || die "cargo is not installed: see https://rustup.rs"
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/test-tools"
tools=$(cd "$target/test-tools" && pwd)
alembic=$tools/alembic/bin/python
(
    if has flock; then flock 9; fi
    install_packages
    install_alembic
) 9>"$tools/lock"
postgres=$(postgres_programs)

# ---- the servers -------------------------------------------------------------------------------------------

# From / since that user need not be able to enter this folder.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec runuser -u postgres -- "$@")
    else
        (cd / && exec "$@")
    fi
}

# Whether this process is the server of that folder: a process id may be another's by now.
serves() { # process id, folder
    { tr '\0' ' ' <"/proc/$1/cmdline" || ps -o command= -p "$1"; } 2>/dev/null | grep -qF -- "$2"
}

stop_servers() { # the folder of a run
    local server pid
    for server in "$1/pg/data" "$1/mariadb/data"; do
        pid=$(head -n 1 "$server/postmaster.pid" 2>/dev/null || cat "$server/server.pid" 2>/dev/null) || continue
        serves "$pid" "$server" || continue
        # The data is thrown away: PostgreSQL's immediate shutdown, MariaDB's end.
        case $server in */pg/data) kill -QUIT "$pid" ;; *) kill -KILL "$pid" ;; esac 2>/dev/null || true
        for _ in $(seq 100); do
            serves "$pid" "$server" || break
            sleep 0.1
        done
    done
}

remove() { rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; } || true; }

# What runs left behind that could not end themselves.
sweep() { # where the folders of runs are
    local old owner
    for old in "$1"/limbeck-tests.*; do
        owner=$(cat "$old/owner" 2>/dev/null) || continue
        if [ -O "$old" ] && ! serves "$owner" run.sh; then
            say "clearing away an earlier run: $old"
            stop_servers "$old"
            remove "$old"
        fi
    done
}

# A folder that the servers' users can enter, with a path short enough for a socket's.
make_rig() {
    local base
    for base in "${TMPDIR:-/tmp}" /tmp; do
        base=${base%/}
        [ "${#base}" -le 60 ] || continue
        sweep "$base"
        rig=$(mktemp -d "$base/limbeck-tests.XXXXXX")
        printf '%s\n' "$$" >"$rig/owner"
        chmod 755 "$rig"
        if as_postgres test -x "$rig"; then return; fi
        rm -rf "$rig"
    done
    die "no temporary folder that the user postgres can enter"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_postgres() {
    local folder=$rig/pg options
    mkdir "$folder"
    [ "$(id -u)" != 0 ] || chown postgres: "$folder"
    as_postgres "$postgres/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
        >"$rig/initdb.log" 2>&1 || { cat "$rig/initdb.log" >&2; die "initdb failed"; }
    for _ in 1 2 3 4 5; do
        postgres_port=$(free_port)
        options="-c listen_addresses=127.0.0.1 -c port=$postgres_port -c unix_socket_directories='$folder'"
        options+=" -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        if as_postgres "$postgres/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o "$options" start \
            >/dev/null 2>&1 </dev/null; then
            return
        fi
        say "PostgreSQL did not start on port $postgres_port"
    done
    cat "$folder/log" >&2
    die "PostgreSQL does not start"
}

start_mariadb() {
    local folder=$rig/mariadb user pid
    user=$(id -un)
    mkdir "$folder"
    mariadb-install-db --no-defaults --datadir="$folder/data" --user="$user" \
        --auth-root-authentication-method=normal --skip-test-db >"$rig/install.log" 2>&1 ||
        { cat "$rig/install.log" >&2; die "mariadb-install-db failed"; }
    for _ in 1 2 3 4 5; do
        mysql_port=$(free_port)
        # A process group of its own: an interrupt at the terminal leaves it to the cleanup.
        set -m
        mariadbd --no-defaults --user="$user" --datadir="$folder/data" --port="$mysql_port" \
            --bind-address=127.0.0.1 --socket="$folder/s.sock" --max-connections=500 \
            --innodb-flush-log-at-trx-commit=0 --sync-binlog=0 --innodb-flush-method=nosync \
            >>"$folder/log" 2>&1 </dev/null &
        set +m
        pid=$!
        disown
        printf '%s\n' "$pid" >"$folder/data/server.pid"
        for _ in $(seq 600); do
            if mariadb-admin --no-defaults -S "$folder/s.sock" -uroot ping >/dev/null 2>&1; then return; fi
            serves "$pid" "$folder/data" || break
            sleep 0.1
        done
        say "MariaDB did not start on port $mysql_port"
        if serves "$pid" "$folder/data"; then kill -KILL "$pid"; fi
    done
    cat "$folder/log" >&2
    die "MariaDB does not start"
}

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
    if [ -n "$rig" ]; then
        stop_servers "$rig"
        remove "$rig"
    fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

make_rig
say "starting servers in $rig"
start_postgres
start_mariadb
export LIMBECK_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$postgres_port/postgres
export LIMBECK_TEST_MYSQL_URL=mysql://root@127.0.0.1:$mysql_port/mysql
export LIMBECK_TEST_ALEMBIC=$alembic
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
run cargo test --all-features --no-fail-fast -- "$@" || broken=1
failed_examples=0
for example in quickstart tooling; do
    say "example $example"
    run cargo run --quiet --all-features --example "$example" || failed_examples=$((failed_examples + 1))
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
