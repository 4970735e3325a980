-- A person must say who profile $1 is. The open question is brought up to date, and asked once.
insert into sync.match_review as r (profile_id, reason, candidates)
values ($1, $2, $3::jsonb)
on conflict (profile_id) where status = 'open' do update
set reason = excluded.reason, candidates = excluded.candidates
where (r.reason, r.candidates) is distinct from (excluded.reason, excluded.candidates)
