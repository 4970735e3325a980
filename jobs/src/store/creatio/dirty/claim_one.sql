insert into sync.dirty as d (connection, stream, side, key, rank, reason, holder, lease_until)
values ($1, $2, $3, $4, $5, 'asked', $6, now() + interval '3 minutes')
on conflict (connection, stream, side, key) do update
set holder = excluded.holder, lease_until = excluded.lease_until
where d.holder is null or d.holder = excluded.holder or d.lease_until < now()
returning side, key, marked, tries
