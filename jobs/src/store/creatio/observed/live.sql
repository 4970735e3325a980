-- Goes on after `with this (stream) as …`.
select o.remote_id::text
from this
join sync.observed o on o.connection = $2 and o.stream = this.stream
where o.gone_at is null and $1::bigint is null
order by o.remote_id
