-- Extends the leases of all attempts that a worker runs, in one statement. An attempt that does not
-- come back has lost its job.
with input as materialized (
    select *
    from unnest($2::uuid[], $3::integer[], $4::bigint[]) as x (id, attempt, nonce)
),
held as materialized (
    select x.*, r.row
    from input x
    cross join lateral (
        select ctid as row
        from engine.running
        where shard = $1 and id = x.id and attempt = x.attempt and nonce = x.nonce
        -- A handler's own transaction may hold or settle its job for long: it needs no renewal
        -- meanwhile, and the others must not wait for it.
        for no key update skip locked
    ) r
)
update engine.running
set lease_until = now() + $5 * interval '1 millisecond'
where ctid = any(array(select row from held)) and shard = $1
returning id, attempt, nonce, cancel_requested
