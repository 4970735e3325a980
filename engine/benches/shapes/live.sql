-- The body of B, E and H: a wide `job` written once, a narrow `live` that changes, `ended` written once.
create table job (
  shard smallint not null default 0, id uuid not null, kind text not null default 'bench.noop', queue text not null default 'default',
  priority smallint not null default 0, run_at timestamptz not null default now(), max_attempts smallint not null default 20,
  args jsonb not null, primary key (shard, id));
create table live (
  id uuid not null, run_at timestamptz not null default now(), nonce bigint, lease_until timestamptz, started_at timestamptz, worker uuid,
  shard smallint not null default 0, priority smallint not null default 0, attempt smallint not null default 0, failed smallint not null default 0,
  max_attempts smallint not null default 20, state smallint not null default 0, due boolean not null default true,
  kind text not null default 'bench.noop', queue text not null default 'default',
  primary key (shard, id));
create table ended (
  id uuid not null, worker uuid, started_at timestamptz, ended_at timestamptz not null default now(),
  shard smallint not null default 0, attempt smallint, state smallint not null, primary key (shard, id));

create function enqueue_one(n bigint) returns void language plpgsql as $$ begin
  with j as (insert into job (id, args) values (shapes.uid(n), jsonb_build_object('n', n)) returning id)
  insert into live (id) select id from j; end $$;
create function enqueue(p_ids uuid[], p_run timestamptz[], p_args text[], p_due boolean, p_prio smallint) returns void language plpgsql as $$ begin
  with j as (insert into job (id, run_at, args, priority) select i, r, a::jsonb, p_prio from unnest(p_ids, p_run, p_args) x(i, r, a))
  insert into live (id, run_at, due, priority) select i, r, p_due, p_prio from unnest(p_ids, p_run) x(i, r); end $$;
create function claim(n int, w uuid, p_nonce bigint, probe text, p_low smallint, p_low_at timestamptz,
  out ids uuid[], out attempts smallint[], out args_sum numeric, out low smallint, out low_at timestamptz) language plpgsql as $$ begin
  if probe = 'ctid' then
    with u as (update live set state = 1, attempt = attempt + 1, nonce = p_nonce, worker = w, lease_until = now() + interval '15 s', started_at = now()
      where ctid = any(array(select ctid from live where shard = 0 and queue = 'default' and state = 0 and due and run_at <= now()
        and (priority, run_at) >= (p_low, p_low_at) order by priority, run_at, id limit n for update skip locked))
      returning id, attempt, priority, run_at)
    select array_agg(u.id), array_agg(u.attempt), sum((args->>'n')::bigint), max(u.priority), max(u.run_at)
      from u cross join lateral (select args from job where shard = 0 and id = u.id offset 0) j into ids, attempts, args_sum, low, low_at;
  elsif probe = 'id' then
    with u as (update live set state = 1, attempt = attempt + 1, nonce = p_nonce, worker = w, lease_until = now() + interval '15 s', started_at = now()
      where shard = 0 and id = any(array(select id from live where shard = 0 and queue = 'default' and state = 0 and due and run_at <= now()
        and (priority, run_at) >= (p_low, p_low_at) order by priority, run_at, id limit n for update skip locked))
      returning id, attempt, priority, run_at)
    select array_agg(u.id), array_agg(u.attempt), sum((args->>'n')::bigint), max(u.priority), max(u.run_at)
      from u cross join lateral (select args from job where shard = 0 and id = u.id offset 0) j into ids, attempts, args_sum, low, low_at;
  end if;
end $$;
-- Three fences. held: lock first, as written in the design. join: no lock, the delete itself checks the fence on the
-- row version it finds (READ COMMITTED rechecks it after a wait). any: one nonce for the whole call.
create function settle(p_ids uuid[], p_attempts smallint[], p_nonce bigint, form text) returns int language plpgsql as $$
declare done int; begin
  if form = 'held' then
    with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
    held as materialized (select l.* from x cross join lateral (select ctid as tid, id, attempt, worker, started_at from live
      where shard = 0 and id = x.id and attempt = x.attempt and nonce = p_nonce and state = 1 for update offset 0) l),
    gone as (delete from live where ctid = any(array(select tid from held)))
    insert into ended (id, attempt, worker, started_at, state) select id, attempt, worker, started_at, 2 from held;
  elsif form = 'join' then
    with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
    held as materialized (select l.* from x cross join lateral (select ctid as tid, attempt, nonce from live
      where shard = 0 and id = x.id and attempt = x.attempt and nonce = p_nonce and state = 1 offset 0) l),
    gone as (delete from live l using held h where l.ctid = h.tid and l.nonce = h.nonce and l.attempt = h.attempt and l.state = 1
      returning l.id, l.attempt, l.worker, l.started_at)
    insert into ended (id, attempt, worker, started_at, state) select id, attempt, worker, started_at, 2 from gone;
  elsif form = 'any' then
    with gone as (delete from live where shard = 0 and id = any(p_ids) and nonce = p_nonce and state = 1
      returning id, attempt, worker, started_at)
    insert into ended (id, attempt, worker, started_at, state) select id, attempt, worker, started_at, 2 from gone;
  end if;
  get diagnostics done = row_count; return done;
end $$;
