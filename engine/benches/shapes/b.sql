-- B: wide `job` written once beside narrow `live`; claim updates live, settle deletes it and writes `ended`.
drop schema if exists shape_b cascade; create schema shape_b; set search_path = shape_b;
\ir live.sql
create index ready on live (shard, queue, priority, run_at, id) where state = 0 and due;
create index later on live (run_at) where state = 0 and not due;
-- Not "where state = 1": the fence says state = 1 too, and a planner with old statistics would then probe every id through this
-- index instead of the key (see README.md, the trap).
create index lease on live (lease_until) where lease_until is not null;
