-- Kinds whose jobs may not stand where they should: within a day of a change of their limits, which is longer than an
-- enqueue takes that had not heard of it. Asked often, and nearly always none.
select name from engine.kind where limits_changed_at > now() - interval '1 day' order by name
