-- T: B with the trap: the lease index has the predicate the fence names, so the planner may take it for the probe.
drop schema if exists shape_t cascade; create schema shape_t; set search_path = shape_t;
\ir live.sql
create index ready on live (shard, queue, priority, run_at, id) where state = 0 and due;
create index later on live (run_at) where state = 0 and not due;
create index lease on live (lease_until) where state = 1;
