-- Counts refusals of one sort; the first hundred jobs are named.
insert into engine.bulk_result as r (bulk_id, code, jobs, message, job_ids)
values ($1, $2, cardinality($4::uuid[]), left($3, 2000), ($4::uuid[])[:100])
on conflict (bulk_id, code) do update
set
    jobs = r.jobs + cardinality($4::uuid[]),
    job_ids = (r.job_ids || $4::uuid[])[:100]
