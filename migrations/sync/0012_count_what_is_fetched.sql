-- Runs say how many records were fetched, counted where answers are read and not worked out from what became of
-- them, so that a record that is lost on the way shows. A column without a default takes no rewrite: sync.run is locked
-- for a moment.

alter table sync.run
    -- Records that answers had. Null in runs that an older version began: nobody counted.
    add column fetched integer;
