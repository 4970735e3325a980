-- Decimals as text: a number of JSON would be read as a float.
select
    p.zoho_item_id as key,
    true as is_ours,
    null::bytea as hash,
    p.gone_at is not null as is_gone,
    -- A time that lies a day ahead is of a clock that was wrong: no later answer is behind it.
    case
        when p.updated_at > now() - interval '10 minutes' and p.modified_at < now() + interval '1 day' then p.modified_at
    end as modified_at,
    jsonb_build_object(
        'name', p.name, 'sku', p.sku, 'description', p.description, 'price', trim_scale(p.price)::text,
        'stock_quantity', trim_scale(p.stock_quantity)::text, 'is_active', p.is_active
    ) as fields
from unnest($3::text[]) as x (key)
join sync.product p on p.connection = $2 and p.zoho_item_id = x.key
where $1::bigint is null
