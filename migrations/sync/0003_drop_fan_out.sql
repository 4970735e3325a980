-- What a sync of all companies has set going is the engine's to know, since it waits for its parts. A
-- sync of all that is under way asks for its parts again and finds them. Locks the table for an instant.
drop table sync.fan_out;
