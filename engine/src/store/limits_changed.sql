-- Kinds whose jobs may not stand where they should: within a day of a change of their limits, which is longer than an
-- enqueue takes that had not heard of it. Where the wide row of each job is looked at, an hour. Asked often, and nearly always none.
select name from engine.kind
where limits_changed_at > now() - case when by_connection then interval '1 hour' else interval '1 day' end
order by name
