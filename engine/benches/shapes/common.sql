-- What every shape shares. Names without a schema resolve by search_path: one session drives one shape,
-- so the plans are cached per shape as a prepared statement's would be.
create schema if not exists shapes;
create table if not exists shapes.result (shape text, what text, batch int, metric text, value float8);
create table if not exists shapes.session (started timestamptz, ended timestamptz, jobs bigint, cpu_ms float8, first_ms float8, last_ms float8);

-- Time-ordered, as a v7 made by one client: milliseconds, version, a counter, then chance.
create or replace function shapes.uid(n bigint) returns uuid language sql volatile as $$
  select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || lpad(to_hex(n & x'fffffff'::bigint), 7, '0') || substr(md5(random()::text), 1, 12))::uuid $$;

-- This backend's own processor time in ms (Linux, superuser); null elsewhere.
create or replace function shapes.cpu_ms() returns float8 language plpgsql as $$
declare f text[];
begin
  f := string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' ');
  return (f[12]::float8 + f[13]::float8) * 10;
exception when others then return null;
end $$;

-- Bulk enqueue, `per` jobs a statement and commit. The client's work (ids, json text) is built outside the timed part.
create or replace procedure shapes.bulk(lo bigint, hi bigint, per int, pad int, is_due boolean, prio int, later interval)
language plpgsql as $$
declare n bigint := lo; v_ids uuid[]; v_args text[]; v_run timestamptz[]; t timestamptz; spent float8 := 0; filler text := repeat('x', pad);
begin
  while n < hi loop
    select array_agg(shapes.uid(i)),
           array_agg(case when pad > 0 then format('{"n": %s, "pad": "%s"}', i, filler) else format('{"n": %s}', i) end),
           array_agg(clock_timestamp() - interval '1 s' + later + i * interval '1 us')
      into v_ids, v_args, v_run from generate_series(n, least(n + per, hi) - 1) i;
    commit;
    t := clock_timestamp();
    perform enqueue(v_ids, v_run, v_args, is_due, prio::smallint);
    commit;
    spent := spent + extract(epoch from clock_timestamp() - t);
    n := n + per;
  end loop;
  insert into shapes.session values (now(), now() + spent * interval '1 s', hi - lo);
  commit;
end $$;

-- Claim, commit, settle, commit, until nothing is left or `most` jobs are done.
create or replace procedure shapes.drain(batch int, probe text, form text, use_cursor boolean, most bigint)
language plpgsql as $$
declare c record; worker uuid := gen_random_uuid(); nonce bigint; jobs bigint := 0; n int;
  t0 timestamptz := clock_timestamp(); cpu0 float8 := shapes.cpu_ms(); t timestamptz; ms float8; first_ms float8;
  low smallint := -32768; low_at timestamptz := '-infinity';
begin
  loop
    nonce := (random() * 9e18)::bigint;
    t := clock_timestamp();
    c := claim(batch, worker, nonce, probe, low, low_at);
    commit;
    if c.ids is null then
      exit when not use_cursor or low_at = '-infinity';
      low := -32768; low_at := '-infinity';   -- rewind once before giving up
      continue;
    end if;
    ms := extract(epoch from clock_timestamp() - t) * 1000;
    first_ms := coalesce(first_ms, ms);
    if use_cursor then low := c.low; low_at := c.low_at; end if;
    n := settle(c.ids, c.attempts, nonce, form);
    commit;
    if n <> cardinality(c.ids) then raise exception 'settled % of %', n, cardinality(c.ids); end if;
    jobs := jobs + n;
    exit when jobs >= most;
  end loop;
  insert into shapes.session values (t0, clock_timestamp(), jobs, shapes.cpu_ms() - cpu0, first_ms, ms);
  commit;
end $$;
