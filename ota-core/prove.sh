#!/usr/bin/env bash
# Runs every long sweep of PROOF.md, keeps each result, and writes the table of results.
#
#   ota-core/prove.sh STATE [--list] [--only NAME]... [--within MINUTES] [--shard I/N] [--document FILE]
#
# STATE is a folder. Each sweep, or each part of one that is run in parts, leaves its JSON and its exit code in
# STATE/COMMIT; what is there already is not run again, so a run that was stopped goes on where it was. Folders of
# several machines may be copied together. The table says of each sweep what its newest result is, and what it said
# before if there is none.
#
#   --list             print the sweeps and whether they are done on this commit; run nothing
#   --only NAME        only this sweep; may be given again
#   --within MINUTES   start nothing that takes longer than what is left, and end what is not done by then
#   --shard I/N        only every Nth unit, from the Ith on: one machine of several
#   --document FILE    where the table is written [default: PROOF.md beside this script]
#
# BROWNOUT names the command to use [default: cargo builds it, optimised].
#
# Exit 0: all that was asked for is done, and passed. 1: something did not pass. 2: usage. 6: not all is done.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# name | parts | minutes on two cores | what it shows | arguments of `brownout sweep`
# Times are what was seen once; a sweep of several parts takes that for all of them.
sweeps() {
  cat <<'SWEEPS'
tiny|2|1|a small log, cuts between operations, one in a row|--policy hardened-4-2 --scenario smallest --level L0 --cuts 1
updates|1|2|each update, weak bits, two cuts in a row|--scenario updates
calls-L1|1|2|every call of an ordinary life and each update, at every byte, one cut|--level L1 --cuts 1
all|1|20|the same with weak bits: updates two cuts, calls one|
stock|1|2|ESP-IDF's algorithm: no window beyond the known ones, until no state is left|--policy stock
stock-weak|1|5|the same with weak bits, one cut|--policy stock --level L3
stock-bootloader|1|5|a stock bootloader under a hardened application, one cut|--policy stock-bootloader
stock-application|1|5|a stock application over a hardened bootloader, one cut|--policy stock-application
audit-L1|1|1|every crash state of a small update executed, none pruned|--policy stock --scenario smallest --audit all --level L1
audit-L2|1|5|the same, any bits|--policy stock --scenario smallest --audit all
small-L0|1|1|a small log, any number of cuts between operations|--policy hardened-4-2 --scenario smallest --level L0 --cuts any
small-L3|1|1|a small log, weak bits, two cuts|--policy hardened-4-2 --scenario smallest
small-L1|1|1|a small log until it is full, any number of cuts at every byte|--policy hardened-4-2 --scenario smallest --level L1 --cuts until-full
small-L2|1|1|a log of three groups until it is full, any number of cuts, any bits|--policy hardened-3-2 --scenario smallest --level L2 --cuts until-full
room-L0-updates|1|1|each update in a log that is never full, any number of cuts between operations|--policy hardened-22-20 --scenario updates --level L0 --cuts while-room
room-L0-calls|1|2|each call in a log that is never full, any number of cuts between operations|--policy hardened-22-20 --scenario calls --level L0 --cuts while-room
room-L2-smallest|1|2|the smallest update in a log that is never full, any number of cuts, any bits|--policy hardened-22-20 --scenario smallest --level L2 --cuts while-room
three-damaged|1|1|a log of three groups, weak bits, three cuts|--policy hardened-3-2 --scenario update-damaged --cuts 3
three-smallest|1|3|a log of three groups, weak bits, three cuts|--policy hardened-3-2 --scenario smallest --cuts 3
any-update-damaged|1|2|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario update-damaged --cuts while-room
any-smallest|1|15|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario smallest --cuts while-room --budget 20000000
any-anti-rollback|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario anti-rollback --cuts while-room --budget 20000000
any-update-rollback|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario update-rollback --cuts while-room --budget 20000000
any-no-factory|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario no-factory --cuts while-room --budget 20000000
any-update-confirm|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario update-confirm --cuts while-room --budget 20000000
any-three-slots|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario three-slots --cuts while-room --budget 20000000
any-factory-reset|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario factory-reset --cuts while-room --budget 20000000
any-resumed-update|1|60|weak bits, any number of cuts in a log that is never full|--policy hardened-16-15 --scenario resumed-update --cuts while-room --budget 30000000
any-first-update|1|90|weak bits, any number of cuts in a log that is never full; 8 GB of memory|--policy hardened-16-15 --scenario first-update --cuts while-room --budget 50000000
any-three-updates|1|120|weak bits, any number of cuts in a log that is never full; 16 GB of memory|--policy hardened-16-15 --scenario three-updates --cuts while-room --budget 50000000
any-calls-2-plain|4|150|each call, weak bits, any number of cuts; 10 GB of memory a part|--policy hardened-16-15 --scenario calls-2-plain --cuts while-room --budget 100000000
any-calls-2|4|150|each call, weak bits, any number of cuts; 10 GB of memory a part|--policy hardened-16-15 --scenario calls-2 --cuts while-room --budget 100000000
any-calls-2-factory-plain|4|150|each call, weak bits, any number of cuts; 10 GB of memory a part|--policy hardened-16-15 --scenario calls-2-factory-plain --cuts while-room --budget 100000000
any-calls-2-factory|4|150|each call, weak bits, any number of cuts; 10 GB of memory a part|--policy hardened-16-15 --scenario calls-2-factory --cuts while-room --budget 100000000
any-calls-3|4|150|each call, weak bits, any number of cuts; 10 GB of memory a part|--policy hardened-16-15 --scenario calls-3 --cuts while-room --budget 100000000
any-calls-3-factory|4|150|each call, weak bits, any number of cuts; 10 GB of memory a part|--policy hardened-16-15 --scenario calls-3-factory --cuts while-room --budget 100000000
chip-rp2040|1|1|a ROM that programs whole pages|--scenario smallest --profile rp2040
chip-nrf52840|1|1|words that take two programs|--scenario smallest --profile nrf52840
chip-stm32l4|1|1|words that take one program and do not read when torn|--scenario smallest --profile stm32l4
chip-esp32c3-encrypted|1|1|cells that hold ciphertext, rows of 16 bytes|--scenario smallest --profile esp32c3-encrypted
chip-esp32-encrypted|1|1|cells that hold ciphertext, rows of 32 bytes|--scenario smallest --profile esp32-encrypted
SWEEPS
}

usage() { echo "prove: $*" >&2; exit 2; }

# What the script is asked for.
state='' only=() within=0 shard_index=1 shard_count=1 list=no document=$here/PROOF.md
while [ $# -gt 0 ]; do
  case $1 in
  --list) list=yes ;;
  --only | --within | --shard | --document)
    [ $# -ge 2 ] || usage "$1: expected a value"
    case $1 in
    --only) sweeps | grep -q "^$2|" || usage "--only $2: no sweep of this name, --list prints all"
      only+=("$2") ;;
    --within) [[ $2 =~ ^[1-9][0-9]*$ ]] || usage "--within $2: expected a number of minutes"
      within=$2 ;;
    --shard) [[ $2 =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || usage "--shard $2: expected I/N"
      shard_index=${BASH_REMATCH[1]} shard_count=${BASH_REMATCH[2]}
      [ "$shard_index" -le "$shard_count" ] || usage "--shard $2: expected I/N, I at most N" ;;
    --document) document=$2 ;;
    esac
    shift ;;
  -*) usage "$1: no such flag, expected --list, --only, --within, --shard or --document" ;;
  *) [ -z "$state" ] || usage "$1: expected one folder, found $state before"
    state=$1 ;;
  esac
  shift
done
[ -n "$state" ] || usage "expected a folder for the results"
[ -f "$document" ] || usage "$document: expected a file with the marks of the table"
mkdir -p "$state"
state=$(cd "$state" && pwd)
document=$(cd "$(dirname "$document")" && pwd)/$(basename "$document")

cd "$here/.."
# Results are a commit's. Those of sources that differ from it have a name of their own, and are never taken up again.
commit=$(git rev-parse --short=7 HEAD)
if [ -n "$(git status --porcelain -- '*.rs' '*.toml' Cargo.lock)" ]; then
  commit=$commit-changed
  rm -rf "${state:?}/$commit"
fi
done_here=$state/$commit
mkdir -p "$done_here"

wanted() {
  [ ${#only[@]} -eq 0 ] && return 0
  local name
  for name in "${only[@]}"; do [ "$name" = "$1" ] && return 0; done
  return 1
}

# unit NAME PARTS PART: the name of its files
unit() { if [ "$2" -eq 1 ]; then echo "$1"; else echo "$1.$3of$2"; fi; }

brownout=${BROWNOUT:-}
build() {
  [ -n "$brownout" ] && return 0
  cargo build --release --locked --quiet --bin brownout </dev/null
  brownout=${CARGO_TARGET_DIR:-target}/release/brownout
}

started=$SECONDS
# The minutes that are left, rounded down.
left() { echo $((within - (SECONDS - started + 59) / 60)); }

# run UNIT PARTS PART MINUTES ARGUMENTS...: its result appears whole or not at all.
run() {
  local unit=$1 parts=$2 part=$3 minutes=$4 code=0 began=$SECONDS limit=()
  shift 4
  if [ "$within" -gt 0 ]; then
    [ "$(left)" -ge "$minutes" ] || { echo "prove: $unit left out: about $minutes minutes, $(left) are left"; return 0; }
    limit=(timeout --signal=INT "$((within * 60 - SECONDS + started))")
  fi
  [ "$parts" -eq 1 ] || set -- "$@" --shard "$part/$parts"
  build
  echo "prove: $unit: brownout sweep $*"
  "${limit[@]}" "$brownout" sweep "$@" --json "$done_here/$unit.unfinished" \
    </dev/null >"$done_here/$unit.log" 2>&1 || code=$?
  # 0, 1, 5 and 6 are verdicts; all else, a signal or a wrong flag, is none.
  case $code in
  0 | 1 | 5 | 6) ;;
  *) rm -f "$done_here/$unit.unfinished"
    echo "prove: $unit did not come to a verdict (exit $code): $(tail -n 1 "$done_here/$unit.log")" >&2
    return 0 ;;
  esac
  printf '%s %s\n' "$code" "$((SECONDS - began))" >"$done_here/$unit.code"
  mv "$done_here/$unit.unfinished" "$done_here/$unit.json"
}

# whole FOLDER NAME PARTS: prints "CODE SECONDS" of a sweep that is done there, and leaves FOLDER/NAME.json.
whole() {
  local folder=$1 name=$2 parts=$3 part seconds=0 files=() code=0
  for ((part = 1; part <= parts; part++)); do
    local files_of
    files_of=$folder/$(unit "$name" "$parts" "$part")
    [ -f "$files_of.json" ] || return 1
    files+=("$files_of.json")
    seconds=$((seconds + $(cut -d' ' -f2 "$files_of.code")))
  done
  if [ "$parts" -eq 1 ]; then
    code=$(cut -d' ' -f1 "$folder/$name.code")
  elif [ -f "$folder/$name.code" ]; then
    code=$(cut -d' ' -f1 "$folder/$name.code")
  else
    build
    "$brownout" merge "${files[@]}" --json "$folder/$name.json" >/dev/null 2>&1 || code=$?
    printf '%s %s\n' "$code" "$seconds" >"$folder/$name.code"
  fi
  echo "$code $seconds"
}

# sum FILE KEY: the sum of a count over the lines of a result, with commas.
sum() {
  grep -o "\"$2\":[0-9]*" "$1" | cut -d: -f2 | awk '{ sum += $1 } END { printf "%.0f\n", sum }' |
    sed -e ':again' -e 's/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/' -e 't again'
}

# row NAME PARTS SHOWS ARGUMENTS: the newest result, or what the table says already.
row() {
  local name=$1 parts=$2 shows=$3 arguments=$4 folder result code seconds verdict
  local head="| \`$name\` | $shows | \`sweep${arguments:+ $arguments}\` |"
  # Newest first; the names of folders are commits and sort as nothing.
  while IFS= read -r folder; do
    result=$(whole "$folder" "$name" "$parts") || continue
    read -r code seconds <<<"$result"
    case $code in 0) verdict=PASS ;; 1) verdict=VIOLATED ;; 5) verdict=NONDETERMINISTIC ;; *) verdict=INCONCLUSIVE ;; esac
    if [ "$code" -eq 0 ] && grep -qs '"verdict":"WINDOWS"' "$folder/$name.json"; then verdict=WINDOWS; fi
    if [ -f "$folder/$name.json" ]; then
      echo "$head $verdict | $(sum "$folder/$name.json" crash_states) | $(sum "$folder/$name.json" distinct_states) | $seconds s | $(basename "$folder") |"
    else
      echo "$head $verdict | | | $seconds s | $(basename "$folder") |"
    fi
    return 0
  done < <(find "$state" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2-)
  local before
  # Of the same command: a result of another is none of this one.
  before=$(grep -F "$head" "$document" | head -n 1 | cut -d'|' -f5-) || true
  echo "$head${before:- never run | | | | |}"
}

# shellcheck disable=SC2016 # the quotes are Markdown's
begin='<!-- sweeps: made by `ota-core/prove.sh` -->' end='<!-- end of sweeps -->'
table() {
  echo '| sweep | shows | command | verdict | crash states | distinct | time | commit |'
  echo '|---|---|---|---|---|---|---|---|'
  local name parts minutes shows arguments
  while IFS='|' read -r name parts minutes shows arguments; do
    row "$name" "$parts" "$shows" "$arguments"
  done < <(sweeps)
}

if [ "$(grep -cxF -e "$begin" -e "$end" "$document")" -ne 2 ]; then
  usage "$document: expected the marks $begin and $end, each on a line"
fi

number=0 undone=0 failed=0
while IFS='|' read -r name parts minutes shows arguments; do
  wanted "$name" || continue
  # shellcheck disable=SC2206 # arguments are words, and none has a blank in it
  words=($arguments)
  for ((part = 1; part <= parts; part++)); do
    number=$((number + 1))
    [ $((number % shard_count)) -eq $((shard_index % shard_count)) ] || continue
    this=$(unit "$name" "$parts" "$part")
    if [ "$list" = yes ]; then
      if [ -f "$done_here/$this.json" ]; then is='done'; else is='to do'; fi
      printf '%-6s %-32s %4s min  %s\n' "$is" "$this" "$(((minutes + parts - 1) / parts))" "$shows"
      continue
    fi
    [ -f "$done_here/$this.json" ] || run "$this" "$parts" "$part" "$(((minutes + parts - 1) / parts))" "${words[@]}"
    [ -f "$done_here/$this.json" ] || { undone=1; continue; }
    [ "$(cut -d' ' -f1 "$done_here/$this.code")" -eq 0 ] || failed=1
  done
done < <(sweeps)
[ "$list" = no ] || { rmdir "$done_here" 2>/dev/null || true; exit 0; }

made=$(mktemp "$document.XXXXXX")
trap 'rm -f "$made"' EXIT
{
  awk -v mark="$begin" '{ print } $0 == mark { exit }' "$document"
  echo
  table
  echo
  awk -v mark="$end" '$0 == mark { on = 1 } on' "$document"
} >"$made"
cat "$made" >"$document"
echo "prove: wrote $document"
[ "$failed" -eq 0 ] || exit 1
[ "$undone" -eq 0 ] || exit 6
