select
    (select count(*) from sync.dirty_mark where $1::text is null or connection = $1)
        + count(*) filter (where due_at <= now()) as due,
    count(*) filter (where due_at > now()) as later,
    extract(epoch from now() - min(marked_at) filter (where due_at <= now()))::float8 as oldest_s
from sync.dirty
where $1::text is null or connection = $1
