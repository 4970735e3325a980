-- D: one wide hot row; claim updates it; settle deletes it and writes the whole row to `finished`. No second table at enqueue.
drop schema if exists shape_d cascade; create schema shape_d; set search_path = shape_d;
create table job (
  shard smallint not null default 0, id uuid not null, kind text not null default 'bench.noop', queue text not null default 'default',
  priority smallint not null default 0, run_at timestamptz not null default now(), max_attempts smallint not null default 20,
  args jsonb not null, due boolean not null default true, state smallint not null default 0, attempt smallint not null default 0,
  failed smallint not null default 0, nonce bigint, worker uuid, lease_until timestamptz, started_at timestamptz, ended_at timestamptz,
  primary key (shard, id));
create table finished (like job, primary key (shard, id));
create index ready on job (shard, queue, priority, run_at, id) where state = 0 and due;
create index later on job (run_at) where state = 0 and not due;
-- Not "where state = 1": the fence says state = 1 too, and a planner with old statistics would then probe every id through this
-- index instead of the key (see README.md, the trap).
create index lease on job (lease_until) where lease_until is not null;

create function enqueue_one(n bigint) returns void language plpgsql as $$ begin
  insert into job (id, args) values (shapes.uid(n), jsonb_build_object('n', n)); end $$;
create function enqueue(p_ids uuid[], p_run timestamptz[], p_args text[], p_due boolean, p_prio smallint) returns void language plpgsql as $$ begin
  insert into job (id, run_at, args, due, priority) select i, r, a::jsonb, p_due, p_prio from unnest(p_ids, p_run, p_args) x(i, r, a); end $$;
create function claim(n int, w uuid, p_nonce bigint, probe text, p_low smallint, p_low_at timestamptz,
  out ids uuid[], out attempts smallint[], out args_sum numeric, out low smallint, out low_at timestamptz) language plpgsql as $$ begin
  with u as (update job set state = 1, attempt = attempt + 1, nonce = p_nonce, worker = w, lease_until = now() + interval '15 s', started_at = now()
    where ctid = any(array(select ctid from job where shard = 0 and queue = 'default' and state = 0 and due and run_at <= now()
      and (priority, run_at) >= (p_low, p_low_at) order by priority, run_at, id limit n for update skip locked))
    returning id, attempt, args, priority, run_at)
  select array_agg(u.id), array_agg(u.attempt), sum((args->>'n')::bigint), max(u.priority), max(u.run_at) from u into ids, attempts, args_sum, low, low_at;
end $$;
create function settle(p_ids uuid[], p_attempts smallint[], p_nonce bigint, form text) returns int language plpgsql as $$
declare done int; begin
  with x as materialized (select * from unnest(p_ids, p_attempts) x(id, attempt) order by 1),
  held as materialized (select l.tid from x cross join lateral (select ctid as tid from job where shard = 0 and id = x.id and attempt = x.attempt
    and nonce = p_nonce and state = 1 for update offset 0) l),
  gone as (delete from job where ctid = any(array(select tid from held)) returning *)
  insert into finished select shard, id, kind, queue, priority, run_at, max_attempts, args, due, 2, attempt, failed, nonce, worker, null, started_at, now() from gone;
  get diagnostics done = row_count; return done;
end $$;
