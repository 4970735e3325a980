-- What Creatio has of a disputed field, as it would stand here: its lookups have ids, which tell people nothing.
-- A column without a default: no row is rewritten, and the lock lasts for an instant.

alter table sync.conflict add column theirs_local jsonb;
