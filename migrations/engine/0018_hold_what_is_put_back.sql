-- Two things that were let go of too early. A job of which one may be queued lost its unique key with its claim and did
-- not get it back when it was put off, so that in an outage each enqueue added one more. And tokens of a lease that its
-- own holder had let run out were forgotten when it took new ones. A column that is null and takes no rewrite, and
-- function bodies: a moment's lock on engine.key.

-- Jobs that went back to the queue and found their key taken, in the order in which they hold it next.
alter table engine.key add column line uuid[];

-- Lets go of a held key: the first in line holds it next, or the follower, or nobody does. A job has this key and
-- ends: batches that wait for it learn how. A follower that ends before its turn makes room for another. The key is
-- locked before it is looked at: a twin may be about to follow.
create or replace function engine.pass_key(
    p_shard smallint, p_kind text, p_key text, p_id uuid, p_state engine.job_state default null
) returns void language plpgsql as $$
declare
    held engine.key;
    watcher uuid;
begin
    select * into held from engine.key k
    where k.shard = p_shard and k.kind = p_kind and k.key = 'unique:' || p_key for update;
    if p_id = any(held.line) then
        update engine.key k set line = nullif(array_remove(held.line, p_id), '{}')
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    elsif held.follower_id = p_id then
        update engine.key k set follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    elsif held.job_id is distinct from p_id then
        return;
    elsif held.line is not null then
        update engine.key k set job_id = held.line[1], line = nullif(held.line[2:], '{}'), watchers = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
        -- At the time at which it was to come, which its rank has kept.
        update engine.pending p
        set
            state = 'available', due = p.rank_at - p.priority * interval '1 minute' <= now(),
            run_at = p.rank_at - p.priority * interval '1 minute', waiting_for = null
        where
            p.shard = p_shard and p.id = held.line[1] and p.state = 'waiting' and p.waiting_for = 'twin';
    elsif held.follower_id is not null then
        update engine.key k set job_id = held.follower_id, follower_id = null, watchers = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
        -- A follower takes its own time again.
        update engine.pending p
        set state = 'available', due = j.run_at <= now(), run_at = j.run_at, waiting_for = null
        from engine.job j
        where
            p.shard = p_shard and p.id = held.follower_id and p.state = 'waiting' and p.waiting_for = 'twin'
            and j.shard = p.shard and j.id = p.id;
    elsif held.expires_at is null then
        delete from engine.key k where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    end if;
    if held.job_id = p_id and held.watchers is not null then
        for watcher in select unnest(held.watchers) order by 1 desc loop
            perform engine.end_members(
                p_shard, watcher, (p_state = 'completed')::integer, (p_state is null or p_state = 'cancelled')::integer,
                (p_state = 'dead')::integer
            );
        end loop;
    end if;
end $$;

-- The key that a job holds while it is queued, if it has such. One with finished steps is past that: a twin that comes
-- now asks for what it will not look at again.
create function engine.queued_key(p_shard smallint, p_id uuid) returns text language plpgsql stable as $$
begin
    return (
        select j.unique_key
        from engine.job j
        where
            j.shard = p_shard and j.id = p_id and j.unique_scope = 'queued'
            and not exists (select from engine.step s where s.shard = p_shard and s.job_id = p_id)
    );
end $$;

-- A job has gone back to the queue without an attempt that counts, and holds its key as before it was claimed. If a twin
-- has it by now, both are queued, and no third comes. Where the queue would take the twin first anyway, the job waits in
-- line for it, so that they are not claimed together; else it holds the key in front of the twin, which stays where it
-- is. A key of another scope is left alone. Locks the key alone; whoever claims or cancels the twin has
-- locked that before, and finds the line when it comes to the key.
create function engine.retake_key(p_shard smallint, p_kind text, p_key text, p_id uuid) returns void language plpgsql as $$
declare
    holder engine.key;
    own engine.pending;
    twin engine.pending;
    waits boolean;
begin
    holder := engine.take_key(p_shard, p_kind, 'unique:' || p_key, p_id, null, null);
    if holder.job_id <> p_id then
        select * into own from engine.pending p where p.shard = p_shard and p.id = p_id;
        select * into twin from engine.pending p where p.shard = p_shard and p.id = holder.job_id and p.unique_until_claim;
        if holder.expires_at is not null or own.id is null or twin.id is null then
            return;
        end if;
        waits := twin.run_at <= own.run_at and twin.rank_at <= own.rank_at and twin.queue = own.queue
            and twin.partition_key is not distinct from own.partition_key and not twin.ordered and not own.ordered;
        update engine.key k
        set
            job_id = case when waits then holder.job_id else p_id end,
            line = case when waits then holder.line || p_id else holder.job_id || holder.line end
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
    end if;
    update engine.pending p
    set
        unique_key = p_key, unique_until_claim = true,
        state = case when waits then 'waiting' else p.state end,
        due = p.due and waits is not true,
        run_at = case when waits then 'infinity' else p.run_at end,
        waiting_for = case when waits then 'twin' end
    where p.shard = p_shard and p.id = p_id;
end $$;
