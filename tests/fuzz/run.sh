#!/bin/bash
# Runs fuzz targets under libFuzzer, one after the other (`make fuzz`).
#   FUZZ_SECONDS   seconds for each (60)
#   FUZZ_TARGETS   names of targets (all)
#   FUZZ_TIMEOUT   seconds that an input may take by the clock (1); more where other work has the processors
#   FUZZ_UNTIL     goes round and round until this file is there (once)
# Takes the nightly compiler and cargo-fuzz. Executions and seconds are added up in target/fuzz/totals.tsv, over all runs;
# inputs that were faults are kept in target/fuzz/faults, new ones of a corpus in target/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
home=target/fuzz
bin=$home/x86_64-unknown-linux-gnu/release
seconds=${FUZZ_SECONDS:-60}
targets=${FUZZ_TARGETS:-$(sed -n '/^\[\[bin\]\]/{n;s/name = "\(.*\)"/\1/p}' tests/fuzz/Cargo.toml)}
mkdir -p $home/corpus $home/faults $home/logs

# The sensor has no unsafe code but one file that no target reaches: what a sanitizer would find, checks of bounds and of
# overflow find, at ten times the speed.
if [ -z "${FUZZ_BUILT:-}" ]; then
    cargo +nightly fuzz build --fuzz-dir tests/fuzz --sanitizer none --codegen-units 16 --target-dir $home
fi

faults=0
fuzz() {
    local name=$1 log=$home/logs/$1 begun=$SECONDS executions
    mkdir -p $home/corpus/$name
    local given=()
    for folder in tests/fuzz/corpus/$name tests/fuzz/regressions/$name; do
        [ ! -d $folder ] || given+=($folder)
    done
    # A mutation of what is there finds more than a long input of its own.
    $bin/$name -max_total_time=$seconds -rss_limit_mb=512 -timeout=${FUZZ_TIMEOUT:-1} -report_slow_units=60 -max_len=8192 -print_final_stats=1 \
        -artifact_prefix=$home/faults/$name- $home/corpus/$name "${given[@]}" > $log 2>&1 || faults=$((faults + 1))
    executions=$(awk '/^stat::number_of_executed_units:/ {n = $2} /^#[0-9]+/ {last = substr($1, 2)} END {print n ? n : last + 0}' $log)
    printf '%s\t%s\t%s\n' $name "$executions" $((SECONDS - begun)) >> $home/totals.tsv
    printf '%-12s %12s executions in %4d s, %s kept as found\n' $name "$executions" $((SECONDS - begun)) \
        "$(ls $home/corpus/$name | wc -l)"
    grep -E '^(SUMMARY|thread .* panicked)' $log | head -3 || true
}

while :; do
    for name in $targets; do
        [ -z "${FUZZ_UNTIL:-}" ] || [ ! -e "$FUZZ_UNTIL" ] || break 2
        fuzz $name
    done
    [ -n "${FUZZ_UNTIL:-}" ] || break
done

# What was promised of each target: a thousand million executions, or 24 hours.
programs=$(sed -n '/^\[\[bin\]\]/{n;s/name = "\(.*\)"/\1/p}' tests/fuzz/Cargo.toml)
read -r count least total hours <<< "$(awk -F '\t' -v programs="$(echo $programs)" '
    BEGIN { split(programs, names, " "); for (n in names) known[names[n]] = 1 }
    !($1 in known) {next}
    {executions[$1] += $2; seconds[$1] += $3; total += $2; all += $3}
    END {
        for (name in executions) {
            part = executions[name] / 1e9; if (seconds[name] / 86400 > part) part = seconds[name] / 86400
            if (least == "" || part < least) least = part
            count++
        }
        printf "%d %.4f %.0f %.1f", count, least, total, all / 3600
    }' $home/totals.tsv)"
found=$(find $home/faults -type f | wc -l)
measured="$count targets, $total executions in $hours hours, $found faults that are open; least of a target: $least of its share"
reached=$(awk "BEGIN {print ($least >= 1 && $found == 0 && $count == $(wc -w <<< "$programs")) ? \"true\" : \"false\"}")
echo "F1 fuzzing: $measured"
if [ -n "${HEELGUARD_FIGURES:-}" ]; then
    printf '{"promise":"F1","what":"fuzzing, a thousand million executions or 24 hours a target","measured":"%s","reached":%s,"long":%s}\n' \
        "$measured" $reached "$([ "${HEELGUARD_HARDEN:-}" = long ] && echo true || echo false)" >> "$HEELGUARD_FIGURES"
fi
[ $faults -eq 0 ]
