-- The front half of C, K and G: a wide `job` written once and a narrow `ready` whose only full index is the claim order.
create table job (
  shard smallint not null default 0, id uuid not null, kind text not null default 'bench.noop', queue text not null default 'default',
  priority smallint not null default 0, run_at timestamptz not null default now(), max_attempts smallint not null default 20,
  args jsonb not null, primary key (shard, id));
create table ready (
  id uuid not null, run_at timestamptz not null default now(), shard smallint not null default 0, priority smallint not null default 0,
  attempt smallint not null default 0, failed smallint not null default 0, max_attempts smallint not null default 20, due boolean not null default true,
  kind text not null default 'bench.noop', queue text not null default 'default');
create index ready_order on ready (shard, queue, priority, run_at, id) where due;
create index later on ready (run_at) where not due;

create function enqueue_one(n bigint) returns void language plpgsql as $$ begin
  with j as (insert into job (id, args) values (shapes.uid(n), jsonb_build_object('n', n)) returning id)
  insert into ready (id) select id from j; end $$;
create function enqueue(p_ids uuid[], p_run timestamptz[], p_args text[], p_due boolean, p_prio smallint) returns void language plpgsql as $$ begin
  with j as (insert into job (id, run_at, args, priority) select i, r, a::jsonb, p_prio from unnest(p_ids, p_run, p_args) x(i, r, a))
  insert into ready (id, run_at, due, priority) select i, r, p_due, p_prio from unnest(p_ids, p_run) x(i, r); end $$;
