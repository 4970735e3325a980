#!/bin/sh
# Flips the guards of the sweep one after another, and says which tests notice. A guard that none notices is
# the failure of this script. It changes sources while it runs, and puts them back however it ends.
set -eu
cd "$(dirname "$0")/.."
rules=jobs/src/plan/sweep.rs

# guard | files | the flip, for sed. The rules are pure and tested alone, in a second each; what feeds them and
# what follows from them takes a build of the tests.
mutants() {
  cat <<TABLE
G1 the walk was unclear|$rules|s/self.is_clean && !self.has_drifted/!self.has_drifted/
G2 another scope or grant than last time|$rules|s/!evidence.is_scope_known || //
G3 the grant changed on the way|$rules|s/ || !evidence.is_principal_same//
G4 not as many as the remote says|$rules|s/ && self.total.is_none_or(|total| total == self.distinct)//
G4 the listing drifted|$rules|s/ && !self.has_drifted//
G5 an empty listing|$rules|s/if walk.distinct == 0 {/if false {/
G6 too many at once|$rules|s/evidence.candidates > FEW.max(evidence.known \/ ONE_IN)/false/
G7 a second walk must say the same|$rules|s/walk.is_counted_answer() || evidence.clean_walks_before >= 1/true/
G7 one answer without a total|$rules|s/self.pages <= 1 && self.total == Some(self.distinct)/self.pages <= 1/
G7 several pages with a total|$rules|s/self.pages <= 1 && self.total == Some(self.distinct)/self.total == Some(self.distinct)/
G1 a record without an id|jobs/src/flow/page.rs|/after.walk_is_clean &= page.bad/d
G8 written since the run began|jobs/src/store/product/missing.sql jobs/src/store/product/gone.sql|s/where p.updated_at < r.started_at/where true/;/p.updated_at < (select started_at/d
G8 in quarantine|jobs/src/store/product/missing.sql|s/ and q.status <> 'resolved'/ and false/
G8 a zone written since the run began|jobs/src/store/zone/missing.sql jobs/src/store/zone/gone.sql|s/where z.updated_at < r.started_at/where true/;/z.updated_at < (select started_at/d
G8 a zone in quarantine|jobs/src/store/zone/missing.sql|s/ and q.status <> 'resolved'/ and false/
G8 a record of Creatio's written since the run began|jobs/src/store/creatio/observed/missing.sql jobs/src/store/creatio/observed/gone.sql|s/where o.updated_at < r.started_at/where true/;/o.updated_at < (select started_at/d
G8 a record of Creatio's in quarantine|jobs/src/store/creatio/observed/missing.sql|s/ and q.status <> 'resolved'/ and false/
G8 a record of Creatio's whose create is in doubt|jobs/src/store/creatio/observed/missing.sql|s/i.verb = 'create'/false/
G9 the mark is soft|jobs/src/store/product/gone.sql|1s/.*/delete from sync.product p/;2d
G9 what is back is revived|jobs/src/store/product/update.sql|s/gone_at = null/gone_at = p.gone_at/
G10 what was seen is kept with the cursor|jobs/src/flow/page.rs|s/before.generation, keys).await/before.generation, \&[]).await/
TABLE
}

# A build that changes by a line is worth it here, whatever the caller has for others.
CARGO_INCREMENTAL=1
export CARGO_INCREMENTAL

git diff --quiet -- jobs/src || { echo 'mutate: jobs/src has changes that are not committed' >&2; exit 2; }
log=$(mktemp)
alone=$(mktemp)
restore() { git checkout -q -- jobs/src; }
trap 'restore; rm -f "$log" "$alone"' EXIT
trap 'exit 130' INT TERM

# Says how the tests end, and leaves their words in the log.
run() {
  if [ "$1" = "$rules" ]; then
    rustc --edition 2024 --test -A warnings -o "$alone" "$rules" >"$log" 2>&1 || return 2
    "$alone" >"$log" 2>&1 || return 1
  else
    cargo nextest run -p lockstep-jobs --no-run >"$log" 2>&1 || return 2
    # Each table's statements are its own, and so are the tests that hold them.
    case $1 in
      *zone/*) of=soundtrack::sweep ;;
      *creatio/*) of=creatio::observe ;;
      *) of=zoho::guards ;;
    esac
    cargo nextest run -p lockstep-jobs --no-fail-fast --color never -E "test($of)" >"$log" 2>&1 || return 1
  fi
}

failed() {
  sed -n 's/^test \(.*\) \.\.\. FAILED$/  plan::sweep::\1/p; s/^ *FAIL .* \([a-z]*::[a-z_0-9:]*\)$/  \1/p' "$log" | sort -u
}

mutants | {
  survived=0
  while IFS='|' read -r guard files flip; do
    # shellcheck disable=SC2086 # One word a file.
    sed -i "$flip" $files
    if git diff --quiet -- jobs/src; then
      echo "mutate: $guard: the flip changes nothing: $files is another since" >&2
      exit 2
    fi
    status=0
    run "$files" || status=$?
    case $status in
      0)
        echo "$guard: NOTICED BY NONE"
        survived=$((survived + 1))
        ;;
      1)
        echo "$guard:"
        failed
        ;;
      *)
        tail -30 "$log" >&2
        echo "mutate: $guard: the flip does not build" >&2
        exit 2
        ;;
    esac
    restore
  done
  exit "$((survived > 0))"
}
