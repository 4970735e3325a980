-- What those of these jobs that have failed have failed of: dead and cancelled ones as they ended, live
-- ones as their last attempt did. A group of dead letters is one cause; letters in no group yet and all
-- others go by kind and code.
select
    max(fingerprint) as fingerprint,
    max(code) as code,
    min(error) as error,
    count(*) as jobs
from unnest($2::uuid[]) as wanted (id)
cross join lateral (
    select e.kind, e.fingerprint, e.code, e.error
    from engine.ended e
    where e.shard = $1 and e.id = wanted.id and e.state <> 'completed'
    union all
    select p.kind, null, a.code, a.error
    from engine.pending p
    join engine.attempt a on a.shard = p.shard and a.job_id = p.id and a.attempt = p.attempt
    where p.shard = $1 and p.id = wanted.id and p.failed > 0
) failure
group by coalesce(fingerprint, kind || ' ' || coalesce(code, ''))
order by jobs desc, max(fingerprint), max(code), min(error)
limit 20
