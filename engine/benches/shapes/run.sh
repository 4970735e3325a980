#!/bin/sh
# Measures table shapes for the hot path on the server alone and prints medians as markdown.
#   DATABASE_URL=postgres://... ./run.sh [jobs] [main|forms|hostile|beside|all]
# Environment: SHAPES (default "r a b c d e h k g"), ROUNDS (3), BATCHES ("100 500 1000"). It drops and makes the schemas
# shapes and shape_*. Superuser on Linux also gives the backends' processor time; otherwise that column is empty.
set -eu
jobs=${1:-50000}; part=${2:-all}
: "${DATABASE_URL:?say which database}"
SHAPES=${SHAPES:-r a b c d e h k g}; ROUNDS=${ROUNDS:-3}; BATCHES=${BATCHES:-100 500 1000}
here=$(cd "$(dirname "$0")" && pwd); tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }
in_shape() { s=$1; shift; PGOPTIONS="-c search_path=shape_$s -c client_min_messages=warning" sql "$@"; }
make() { PGOPTIONS='-c client_min_messages=warning' sql -f "$here/$1.sql" >/dev/null; }
lsn() { sql -c "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"; }
note() { sql -c "insert into shapes.result values ('$1', '$2', $3, '$4', $5)"; }
bulk() { # shape lo hi per pad due priority later
  in_shape "$1" -c "call shapes.bulk($2, $3, $4, $5, $6, $7, '$8')"; }
tables() { sql -c "select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables where schemaname = 'shape_$1'"; }
drain() { # shape label batch probe form cursor
  sql -c "truncate shapes.session" -c "analyze $(tables "$1")" -c checkpoint
  w0=$(lsn)
  call="call shapes.drain($3, '$4', '$5', $6, 1000000000)"
  in_shape "$1" -c "$call" & one=$!
  in_shape "$1" -c "$call"; wait $one # not a bare wait: the holder of a snapshot may run beside
  w1=$(lsn)
  sql -c "insert into shapes.result select '$1', '$2', $3, m, v from (select sum(jobs) j, extract(epoch from max(ended) - min(started)) s, sum(cpu_ms) c, max(first_ms) f, max(last_ms) l from shapes.session) t,
    lateral (values ('rate', j / s), ('wal', ($w1 - $w0) / j), ('cpu_us', c * 1000 / j), ('first_ms', f), ('last_ms', l)) x(m, v)"; }
w2() { # shape label per pad
  sql -c "truncate shapes.session" -c checkpoint
  w0=$(lsn); bulk "$1" 0 "$jobs" "$3" "$4" true 0 0s; w1=$(lsn)
  sql -c "insert into shapes.result select '$1', '$2', $3, m, v from (select sum(jobs) j, sum(extract(epoch from ended - started)) s from shapes.session) t,
    lateral (values ('rate', j / s), ('wal', ($w1 - $w0) / j)) x(m, v)"; }

sql -f "$here/common.sql" >/dev/null 2>&1
[ "${KEEP:-}" ] || sql -c "truncate shapes.result"
round=1
while [ $round -le "$ROUNDS" ]; do
  echo "round $round" >&2
  case $part in main|all)
    for s in $SHAPES; do
      make "$s"; sql -c checkpoint
      echo "\\set n random(1, 100000000)
select enqueue_one(:n);" >"$tmp/w1.sql"
      w0=$(lsn)
      tps=$(PGOPTIONS="-c search_path=shape_$s" pgbench -n -c 8 -j 2 -T ${W1_SECONDS:-2} -M prepared -f "$tmp/w1.sql" "$DATABASE_URL" 2>/dev/null | tee "$tmp/out" | awk '/^tps/{print $3}')
      w1=$(lsn); n=$(awk '/actually processed/{split($6, a, "/"); print a[1]}' "$tmp/out")
      note "$s" W1 1 rate "$tps"; note "$s" W1 1 wal "($w1 - $w0) / $n.0"
    done
    for b in $BATCHES; do for s in $SHAPES; do
      make "$s"
      case $b in 1000) w2 "$s" W2 10000 0 ;; *) w2 "$s" W2 1000 0 ;; esac
      drain "$s" drain "$b" ctid held false
      [ "$b" = 500 ] && note "$s" size 0 bytes "(select sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)) from pg_tables where schemaname = 'shape_$s') / $jobs.0"
    done; done
    for s in $SHAPES; do make "$s"; w2 "$s" W2args 1000 220; drain "$s" drainargs 500 ctid held false; done ;;
  esac
  case $part in forms|all)
    for s in b e k c; do for f in "ctid held" "id held" "ctid join" "ctid any"; do
      case "$s $f" in "k id"*|"c id"*|"k "*any|"c "*any) continue ;; esac
      # shellcheck disable=SC2086
      make "$s"; bulk "$s" 0 "$jobs" 1000 0 true 0 0s; drain "$s" "$(echo "$f" | tr ' ' /)" 500 $f false
    done; done ;;
  esac
  case $part in hostile|all)
    for s in $SHAPES; do for cursor in ${CURSORS:-false true}; do
      make "$s"
      # A snapshot held over both drains: what the first leaves dead stays in the way of the second.
      bulk "$s" 0 "$jobs" 1000 0 true 0 0s
      mkfifo "$tmp/hold"; sql <"$tmp/hold" >/dev/null & holder=$!; exec 3>"$tmp/hold"
      echo "begin isolation level repeatable read; select count(*) from pg_class;" >&3; sleep 0.3
      drain "$s" "before/$cursor" 500 ctid held $cursor
      bulk "$s" 0 "$jobs" 1000 0 true 0 0s
      drain "$s" "snapshot/$cursor" 500 ctid held $cursor
      echo "rollback;" >&3; exec 3>&-; wait $holder; rm "$tmp/hold"
    done; done ;;
  esac
  case $part in beside|all)
    [ $round -gt 1 ] || for s in $SHAPES; do
      make "$s"
      n=${BESIDE:-300000}
      bulk "$s" 0 "$n" 10000 0 true 0 0s; drain "$s" fill 1000 ctid held false
      sql -c "vacuum analyze $(tables "$s")"
      bulk "$s" 0 "$jobs" 1000 0 true 0 0s; drain "$s" finished 500 ctid held false
      bulk "$s" 0 200000 10000 0 false 0 1h
      sql -c "vacuum analyze $(tables "$s")"
      bulk "$s" 0 "$jobs" 1000 0 true 0 0s; drain "$s" outside 100 ctid held false
      bulk "$s" 0 200000 10000 0 true -1 1h
      sql -c "vacuum analyze $(tables "$s")"
      bulk "$s" 0 4000 1000 0 true 0 0s; drain "$s" inside 100 ctid held false
    done ;;
  esac
  round=$((round + 1))
done
echo "| shape | what | batch | n | jobs/s (min-max) | of R | WAL B/job | CPU us/job | first claim ms | last claim ms |"
echo "|---|---|---|---|---|---|---|---|---|---|"
sql -F ' | ' -c "with m as (select shape, what, batch, metric, percentile_cont(0.5) within group (order by value) v, min(value) lo, max(value) hi, count(*) n from shapes.result group by 1, 2, 3, 4)
  select '| ' || shape, what, batch, coalesce(n, 1), coalesce(format('%s (%s-%s)', round(v), round(lo), round(hi)), ''), coalesce(round((v / (select v from m r where r.shape = 'r' and r.what = a.what and r.batch = a.batch and metric = 'rate'))::numeric, 2)::text, ''),
    coalesce(round((select v from m w where w.shape = a.shape and w.what = a.what and w.batch = a.batch and metric = 'wal'))::text, ''),
    coalesce(round((select v from m w where w.shape = a.shape and w.what = a.what and w.batch = a.batch and metric = 'cpu_us')::numeric, 1)::text, ''),
    coalesce(round((select v from m w where w.shape = a.shape and w.what = a.what and w.batch = a.batch and metric = 'first_ms')::numeric, 2)::text, ''),
    coalesce(round((select v from m w where w.shape = a.shape and w.what = a.what and w.batch = a.batch and metric = 'last_ms')::numeric, 2)::text, '') || ' |'
  from m a where metric = 'rate' order by what, batch, shape"
sql -F ' | ' -c "select '| ' || shape, 'size after drain, B/job', round(percentile_cont(0.5) within group (order by value)) || ' |' from shapes.result where what = 'size' group by 1 order by 1"
