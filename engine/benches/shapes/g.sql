-- G: no row per running job. Claim deletes from ready and writes ONE lease row for the batch; settle locks that row (the
-- fence: a rescuer locks it too) and appends to `ended`, whose key refuses a second settlement of the same attempt.
drop schema if exists shape_g cascade; create schema shape_g; set search_path = shape_g;
\ir ready.sql
create table lease (nonce bigint primary key, worker uuid not null, started_at timestamptz not null, lease_until timestamptz not null,
  open int not null, ids uuid[] not null, attempts smallint[] not null);
create table ended (
  id uuid not null, worker uuid, started_at timestamptz, ended_at timestamptz not null default now(),
  shard smallint not null default 0, attempt smallint, state smallint not null, primary key (shard, id, attempt));

create function claim(n int, w uuid, p_nonce bigint, probe text, p_low smallint, p_low_at timestamptz,
  out ids uuid[], out attempts smallint[], out args_sum numeric, out low smallint, out low_at timestamptz) language plpgsql as $$ begin
  with d as (delete from ready
    where ctid = any(array(select ctid from ready where shard = 0 and queue = 'default' and due and run_at <= now()
      and (priority, run_at) >= (p_low, p_low_at) order by priority, run_at, id limit n for update skip locked))
    returning id, attempt + 1 as attempt, priority, run_at),
  s as (select array_agg(u.id) i, array_agg(u.attempt::smallint) a, sum((args->>'n')::bigint) t, max(u.priority) p, max(u.run_at) r
    from d u cross join lateral (select args from job where shard = 0 and id = u.id offset 0) j),
  l as (insert into lease select p_nonce, w, now(), now() + interval '15 s', cardinality(i), i, a from s where i is not null)
  select * from s into ids, attempts, args_sum, low, low_at;
end $$;
create function settle(p_ids uuid[], p_attempts smallint[], p_nonce bigint, form text) returns int language plpgsql as $$
declare done int; begin
  with l as materialized (select * from lease where nonce = p_nonce for update),
  e as (insert into ended (id, attempt, worker, started_at, state)
    select m.id, m.attempt, l.worker, l.started_at, 2 from l cross join lateral unnest(l.ids, l.attempts) m(id, attempt)
      join unnest(p_ids, p_attempts) x(id, attempt) using (id, attempt) on conflict do nothing returning 1),
  n as (select count(*)::int as n from e),
  u as (update lease set open = open - n.n from n where nonce = p_nonce and open > n.n),
  g as (delete from lease using n where nonce = p_nonce and open <= n.n)
  select n from n into done;
  return done;
end $$;
