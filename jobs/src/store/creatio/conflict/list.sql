select *
from sync.conflict
where ($1::text is null or connection = $1)
    and ($2::text is null or stream = $2)
    and ($3::text is null or field = $3)
    and ($4::text is null or status = $4)
    and ($5::uuid is null or local_id = $5)
    and ($6::bigint is null or id < $6)
order by id desc
limit $7
