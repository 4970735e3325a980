-- Creatio is a service too. The check is made anew over tens of rows: sync.connection is locked for
-- milliseconds.

alter table sync.connection
    drop constraint service_known,
    add constraint service_known check (service in ('creatio', 'soundtrack', 'supabase', 'zoho'));
