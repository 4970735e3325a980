select zoho_item_id
from sync.product
where connection = $2 and gone_at is null and $1::bigint is null
order by id
