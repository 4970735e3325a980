-- Who stands for the parts of a batch is kept with it: a step's record held no more than some 6,700 ids. New columns are
-- null and take no rewrite, only a moment's lock.

-- Jobs of others that stand for members, in the order in which those were asked for. Null when there are none, or when
-- the step that made the batch keeps them.
alter table engine.batch add column twins uuid[];
