-- A token that lives $4 ms from when it was asked for. It is renewed five minutes before its end, or, if it is
-- one that lives for less than twenty, when three quarters of its life are over.
update sync.credential
set
    version = version + 1,
    expires_at = sent_at[cardinality(sent_at)] + $4 * interval '1 millisecond',
    renew_at = sent_at[cardinality(sent_at)] + ($4 - least(300000, $4 / 4)) * interval '1 millisecond',
    refreshed_at = now(),
    api_domain = $5,
    intent = 'idle',
    holder = null,
    lease_until = null,
    lost = 0,
    failures = 0,
    retry_at = null,
    code = null,
    updated_at = now()
where connection = $1 and version = $2 and holder = $3 and intent = 'sent'
