-- History of packages, which are synced by jobs without a run. A column and a check that read no row; in a file of its
-- own, since a sync that has set a record aside may write history next: whoever locked both would wait for it crosswise.

alter table sync.history
    -- The job that did it, where that has no run.
    add column job_id uuid,
    drop constraint event_known,
    -- missing: a complete answer did not name it, and it is not yet gone. Rows from before satisfy it by the narrower one.
    add constraint event_known check (event in ('created', 'updated', 'revived', 'missing', 'gone')) not valid;
