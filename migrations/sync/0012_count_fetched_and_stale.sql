-- Runs say how many records were fetched, counted where answers are read and not worked out from what became of
-- them, so that a record that is lost on the way shows; and how many were older than what is stored. No row is
-- rewritten: sync.product and sync.run are locked for a moment each.

alter table sync.product
    -- When Zoho changed what the row has, by its clock: an answer that is older must not undo it.
    add column modified_at timestamptz;

alter table sync.run
    -- Records that answers had. Null in runs that an older version began: nobody counted.
    add column fetched integer,
    add column stale integer not null default 0;

-- Those that proved nothing, for the alert of listings that fail again and again.
create index run_unproven on sync.run (id) where status = 'partial' and sweep = 'unproven';
