#!/usr/bin/env bash
# The tests of faults and of autogenerate with their whole numbers, and fuzzing: tests/soak.sh [filter of the tests]
#
# Prints a table `fault | runs | wrong | figure` at the end, also where a test failed. Takes hours on two cores.
# Fuzzing needs a nightly toolchain and cargo-fuzz; LIMBECK_SOAK_FUZZ is the number of seconds for each target, 600
# unless set, and 0 leaves it out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

table=$(mktemp)
trap 'rm -f "$table"' EXIT
export LIMBECK_SOAK=1 LIMBECK_SOAK_TABLE=$table

status=0
if [ $# = 0 ]; then
    tests/run.sh faults:: autogenerate:: || status=1
else
    tests/run.sh "$@" || status=1
fi

seconds=${LIMBECK_SOAK_FUZZ:-600}
if [ "$seconds" = 0 ] || [ $# != 0 ]; then
    printf 'soak.sh: fuzzing LEFT OUT, as asked\n' >&2
elif ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    printf 'soak.sh: fuzzing LEFT OUT: it needs `rustup toolchain install nightly` and `cargo install cargo-fuzz`\n' >&2
    status=1
else
    for target in $(cargo +nightly fuzz list --fuzz-dir tests/fuzz); do
        log=$(mktemp)
        wrong=0
        # The corpus of the repository stays as it is: what is found goes into a folder of its own.
        found=$(mktemp -d)
        cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" "$found" "tests/fuzz/corpus/$target" -- \
            -max_total_time="$seconds" -print_final_stats=1 >"$log" 2>&1 || wrong=1
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
        printf '| fuzzing, %s | %s | %s | %s s |\n' "$target" "${runs:-?}" "$wrong" "$seconds" >>"$table"
        if [ "$wrong" != 0 ]; then
            tail -n 40 "$log" >&2
            status=1
        fi
        rm -rf "$log" "$found"
    done
fi

printf '\n| fault | runs | wrong | figure |\n|---|---|---|---|\n'
sort "$table"
exit "$status"
