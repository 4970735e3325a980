update sync.product p
set gone_at = now(), updated_at = now()
where p.connection = $2
    and p.zoho_item_id = any($3)
    and p.gone_at is null
    and $1::bigint is null
    and ($4::bigint is null or p.updated_at < (select started_at from sync.run where id = $4))
returning p.zoho_item_id
