-- K: C with `running` and `ended` in one table of attempts, `run`: claim inserts the attempt, settle is a HOT update of it
-- (no index names a column that changes; the free half of the page takes the new version). The history of attempts is
-- the table itself. Rescue: the worker's heartbeat row, then its runs by the BRIN over started_at.
drop schema if exists shape_k cascade; create schema shape_k; set search_path = shape_k;
\ir ready.sql
create table run (
  id uuid not null, nonce bigint not null, lease_until timestamptz not null, started_at timestamptz not null, worker uuid not null, ended_at timestamptz,
  run_at timestamptz not null, shard smallint not null default 0, priority smallint not null, attempt smallint not null, failed smallint not null,
  state smallint not null default 1, primary key (shard, id, attempt)) with (fillfactor = 50);
create index run_started on run using brin (started_at) with (pages_per_range = 16);

create function claim(n int, w uuid, p_nonce bigint, probe text, p_low smallint, p_low_at timestamptz,
  out ids uuid[], out attempts smallint[], out args_sum numeric, out low smallint, out low_at timestamptz) language plpgsql as $$ begin
  with d as (delete from ready
    where ctid = any(array(select ctid from ready where shard = 0 and queue = 'default' and due and run_at <= now()
      and (priority, run_at) >= (p_low, p_low_at) order by priority, run_at, id limit n for update skip locked))
    returning *),
  u as (insert into run (id, nonce, lease_until, started_at, worker, run_at, priority, attempt, failed)
    select id, p_nonce, now() + interval '15 s', now(), w, run_at, priority, attempt + 1, failed from d
    returning id, attempt, priority, run_at)
  select array_agg(u.id), array_agg(u.attempt), sum((args->>'n')::bigint), max(u.priority), max(u.run_at)
    from u cross join lateral (select args from job where shard = 0 and id = u.id offset 0) j into ids, attempts, args_sum, low, low_at;
end $$;
create function settle(p_ids uuid[], p_attempts smallint[], p_nonce bigint, form text) returns int language plpgsql as $$
declare done int; begin
  if form = 'held' then
    with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
    held as materialized (select l.* from x cross join lateral (select ctid as tid from run
      where shard = 0 and id = x.id and attempt = x.attempt and nonce = p_nonce and state = 1 for update offset 0) l)
    update run set state = 2, ended_at = now() where ctid = any(array(select tid from held));
  else
    with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
    held as materialized (select l.* from x cross join lateral (select ctid as tid, nonce from run
      where shard = 0 and id = x.id and attempt = x.attempt and nonce = p_nonce and state = 1 offset 0) l)
    update run l set state = 2, ended_at = now() from held h where l.ctid = h.tid and l.nonce = h.nonce and l.state = 1;
  end if;
  get diagnostics done = row_count; return done;
end $$;
