-- R: the reference. bigint id, one table, two updates, no fence beyond the state; nothing records worker or end.
drop schema if exists shape_r cascade; create schema shape_r; set search_path = shape_r;
create table job (
  id bigint generated always as identity primary key, queue int not null default 1, state smallint not null default 0,
  priority smallint not null default 0, attempt smallint not null default 0, run_at timestamptz not null default now(),
  lease_until timestamptz, worker int, payload jsonb not null
) with (fillfactor = 85);
create index job_ready on job (queue, priority, run_at, id) where state = 0;
create index job_lease on job (lease_until) where state = 1;

create function enqueue_one(n bigint) returns void language plpgsql as $$ begin
  insert into job (payload) values (jsonb_build_object('n', n)); end $$;
create function enqueue(p_ids uuid[], p_run timestamptz[], p_args text[], p_due boolean, p_prio smallint) returns void language plpgsql as $$ begin
  insert into job (run_at, priority, payload) select r, p_prio, a::jsonb from unnest(p_run, p_args) x(r, a); end $$;
create function claim(n int, w uuid, p_nonce bigint, probe text, p_low smallint, p_low_at timestamptz,
  out ids bigint[], out attempts smallint[], out args_sum numeric, out low smallint, out low_at timestamptz) language plpgsql as $$ begin
  with c as (select id from job where state = 0 and queue = 1 and run_at <= now() and (priority, run_at) >= (p_low, p_low_at)
             order by priority, run_at, id limit n for update skip locked),
  u as (update job j set state = 1, attempt = attempt + 1, lease_until = now() + interval '30 s', worker = 1
        from c where j.id = c.id returning j.id, j.attempt, (j.payload->>'n')::bigint as a, j.priority, j.run_at)
  select array_agg(u.id), array_agg(u.attempt), sum(a), max(u.priority), max(u.run_at) from u into ids, attempts, args_sum, low, low_at;
end $$;
create function settle(p_ids bigint[], p_attempts smallint[], p_nonce bigint, form text) returns int language plpgsql as $$
declare done int; begin
  update job set state = 2, lease_until = null where id = any(p_ids) and state = 1;
  get diagnostics done = row_count; return done;
end $$;
