-- C: `job` wide, `ready` narrow, `running` narrow, `ended`. No update anywhere; a row moves. `ready` has one index only: the
-- order of the claim (found by its job's priority and run_at when one id is wanted).
drop schema if exists shape_c cascade; create schema shape_c; set search_path = shape_c;
\ir ready.sql
create table running (
  id uuid not null, run_at timestamptz not null, nonce bigint not null, lease_until timestamptz not null, started_at timestamptz not null, worker uuid not null,
  shard smallint not null default 0, priority smallint not null, attempt smallint not null, failed smallint not null,
  max_attempts smallint not null, kind text not null, queue text not null, primary key (shard, id));
create table ended (
  id uuid not null, worker uuid, started_at timestamptz, ended_at timestamptz not null default now(),
  shard smallint not null default 0, attempt smallint, state smallint not null, primary key (shard, id));

create function claim(n int, w uuid, p_nonce bigint, probe text, p_low smallint, p_low_at timestamptz,
  out ids uuid[], out attempts smallint[], out args_sum numeric, out low smallint, out low_at timestamptz) language plpgsql as $$ begin
  with d as (delete from ready
    where ctid = any(array(select ctid from ready where shard = 0 and queue = 'default' and due and run_at <= now()
      and (priority, run_at) >= (p_low, p_low_at) order by priority, run_at, id limit n for update skip locked))
    returning *),
  u as (insert into running (id, run_at, nonce, lease_until, started_at, worker, priority, attempt, failed, max_attempts, kind, queue)
    select id, run_at, p_nonce, now() + interval '15 s', now(), w, priority, attempt + 1, failed, max_attempts, kind, queue from d
    returning id, attempt, priority, run_at)
  select array_agg(u.id), array_agg(u.attempt), sum((args->>'n')::bigint), max(u.priority), max(u.run_at)
    from u cross join lateral (select args from job where shard = 0 and id = u.id offset 0) j into ids, attempts, args_sum, low, low_at;
end $$;
create function settle(p_ids uuid[], p_attempts smallint[], p_nonce bigint, form text) returns int language plpgsql as $$
declare done int; begin
  if form = 'held' then
    with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
    held as materialized (select l.* from x cross join lateral (select ctid as tid, id, attempt, worker, started_at from running
      where shard = 0 and id = x.id and attempt = x.attempt and nonce = p_nonce for update offset 0) l),
    gone as (delete from running where ctid = any(array(select tid from held)))
    insert into ended (id, attempt, worker, started_at, state) select id, attempt, worker, started_at, 2 from held;
  else
    with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
    held as materialized (select l.* from x cross join lateral (select ctid as tid, attempt, nonce from running
      where shard = 0 and id = x.id and attempt = x.attempt and nonce = p_nonce offset 0) l),
    gone as (delete from running l using held h where l.ctid = h.tid and l.nonce = h.nonce and l.attempt = h.attempt
      returning l.id, l.attempt, l.worker, l.started_at)
    insert into ended (id, attempt, worker, started_at, state) select id, attempt, worker, started_at, 2 from gone;
  end if;
  get diagnostics done = row_count; return done;
end $$;
