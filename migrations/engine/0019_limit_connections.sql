-- Who stands for the parts of a batch is kept with it: a step's record held no more than some 6,700 ids. New columns are
-- null and take no rewrite, only a moment's lock.

-- Jobs of others that stand for members, in the order in which those were asked for. Null when there are none, or when
-- the step that made the batch keeps them.
alter table engine.batch add column twins uuid[];

-- The jobs of an era that must stay: all that have not ended, the ended that have not expired, and the dead that hold
-- up their partition. At most so many.
create or replace function engine.staying(
    p_shard smallint, p_name text, p_completed bigint, p_cancelled bigint, p_dead bigint, p_most bigint
) returns setof uuid language plpgsql as $$
declare
    low uuid;
    high uuid;
    -- Nearly all have completed, and nearly all kinds say nothing of their own: these are told apart at once.
    plain_until timestamptz := now() - p_completed * interval '1 millisecond';
    special text[] := array(select name from engine.kind where keep_completed_ms is not null);
    blocks uuid[] := array(select job_id from engine.partition_block where shard = p_shard);
begin
    select engine.first_id(e.from_at), engine.first_id(e.until_at) into low, high from engine.era e where e.name = p_name;
    if not found then
        return;
    end if;
    return query execute format(
        '(
            select id from engine.pending where shard = $1 and id >= $2 and id < $3
            union all
            select id from engine.running where shard = $1 and id >= $2 and id < $3
            union all
            select id
            from (
                select e.id, e.ended_at, engine.kept_ms(e.state, k, $4, $5, $6) as kept
                from engine.%I e
                left join engine.kind k on k.name = e.kind
                where e.shard = $1 and (e.state = ''completed'' and e.ended_at < $8 and e.kind <> all($9)) is not true
            ) e
            where kept is null or ended_at >= now() - kept * interval ''1 millisecond'' or id = any($10)
        ) limit $7',
        'ended_' || p_name
    ) using p_shard, low, high, p_completed, p_cancelled, p_dead, p_most, plain_until, special, blocks;
end $$;

-- Deletes what had hung on jobs of an emptied era, at most p_limit rows of each table; returns how many. A job
-- is there before anything that hangs on it, so one look is enough. What blocks a partition stayed with its job.
create or replace function engine.sweep_era(p_shard smallint, p_name text, p_limit bigint) returns bigint language plpgsql as $$
declare
    low uuid;
    high uuid;
    swept bigint := 0;
    deleted bigint;
    one record;
begin
    select engine.first_id(e.from_at), engine.first_id(e.until_at) into low, high from engine.era e where e.name = p_name;
    for one in values ('step', 'job_id'), ('signal', 'job_id'), ('flow', 'job_id'), ('batch', 'owner_id') loop
        execute format(
            'delete from engine.%1$I where shard = $1 and ctid = any(array(
                 select t.ctid
                 from engine.%1$I t
                 where
                     t.shard = $1 and t.%2$I >= $2 and t.%2$I < $3
                     and not exists (select from engine.job j where j.shard = $1 and j.id = t.%2$I)
                 limit $4
                 for update skip locked
             ))', one.column1, one.column2
        ) using p_shard, low, high, p_limit;
        get diagnostics deleted = row_count;
        swept := swept + deleted;
    end loop;
    return swept;
end $$;
