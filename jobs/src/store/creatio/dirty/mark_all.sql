insert into sync.dirty_mark (connection, stream, side, key, reason)
select connection, stream, 'local', local_id, 'mapping'
from sync.link where connection = $1 and local_id is not null
union all
select o.connection, o.stream, 'remote', o.remote_id, 'mapping'
from sync.observed o
where o.connection = $1 and not exists (
    select from sync.link l
    where l.connection = o.connection and l.stream = o.stream and l.remote_id = o.remote_id and l.local_id is not null
)
union all
select r.connection, r.stream, 'local', r.id, 'mapping'
from (
    select connection, 'creatio.contacts' as stream, id from sync.contact
    union all
    select connection, 'creatio.leads', id from sync.lead
    union all
    select connection, 'creatio.activities', id from sync.activity
    union all
    select connection, 'creatio.participants', id from sync.participant
) as r
where r.connection = $1 and not exists (
    select from sync.link l where l.connection = r.connection and l.stream = r.stream and l.local_id = r.id
)
