-- Of connection $2, or of all: with $1 those that were never synced and that no person is asked about, else those that
-- are linked.
select p.connection, p.id
from sync.profile p
left join sync.customer_link l on l.profile_id = p.id
where
    ($2::text is null or p.connection = $2)
    and case when $1
        then l.synced_at is null and not exists (
            select from sync.match_review r where r.profile_id = p.id and r.status = 'open'
        )
        else l.profile_id is not null
    end
order by coalesce(l.synced_at, p.asked_at) nulls first, p.id
limit $3
