-- What a complete answer does not name ($2 are those it does) is missing; gone if it was missing ten minutes ago:
-- the CRM is now and then loaded anew, and then has few packages or none for a while. With $3 they are gone at once:
-- the profile is another customer than the one whose packages these were.
update sync.package
set
    missing_since = coalesce(missing_since, now()),
    gone_at = case when $3 or missing_since < now() - interval '10 minutes' then now() end,
    updated_at = now()
where
    profile_id = $1 and gone_at is null and crm_package_id <> all($2)
    and ($3 or missing_since is null or missing_since < now() - interval '10 minutes')
returning crm_package_id, gone_at is not null as is_gone
