-- Format 1. {s} is the schema. Times are nanoseconds since 1970 unless they are timestamptz.
do $hookwicket$ begin -- only the owner of the database may create a schema, even one that is there
  if to_regnamespace('{name}') is null then create schema {s}; end if;
end $hookwicket$;
create table {s}.meta (
  one boolean primary key default true check (one),
  format int not null,
  oldest int not null,                -- format of the oldest programs that can use these tables
  keys bigint not null default 0,     -- dedupe keys, counted about once a minute
  moved_to text,                      -- the store to which everything here was moved: no gateway begins any more
  moved_from text                     -- what identifies the store from which everything came
);
insert into {s}.meta (format, oldest) values (1, 1);
create table {s}.node (
  id int generated always as identity primary key,
  name text not null,
  begun timestamptz not null default clock_timestamp(),
  seen timestamptz not null default clock_timestamp(),
  serves int[] not null default '{}', -- destinations for which it has workers
  skew bigint not null default 0,     -- its clock minus the database's
  follows boolean not null default false, -- it wants to be told what the others do
  version text not null default '',
  format int not null default 1,      -- of its program
  keys bytea[] not null default '{}', -- short names of its encryption keys; the first seals
  digest bytea not null default '',   -- of configuration; empty: not announced yet
  configuration jsonb not null default '{}'
);
create table {s}.destination (
  id int generated always as identity primary key,
  name text not null unique,
  owner int,                          -- the node that delivers, by its lease
  epoch bigint not null default 0,    -- of the ownership
  paused boolean not null default false,
  -- Counts, written by the owner about once a second, for the other nodes.
  waiting bigint not null default 0,
  claimed bigint not null default 0,
  dead bigint not null default 0,
  bytes bigint not null default 0,
  retained bigint not null default 0,
  oldest timestamptz
) with (fillfactor = 50);
create table {s}.message (
  id uuid primary key,                -- version 7: by the time of receipt
  endpoint text not null,
  event_id text not null,
  event_type text not null,
  size bigint not null,
  record bytea not null               -- sealed if there is a key, as are delivery.last and attempt.record
);
alter table {s}.message alter column record set storage external;
create index message_list on {s}.message (endpoint, id);
create index message_event on {s}.message (event_id, id) where event_id <> '';
create table {s}.delivery (
  message uuid not null,
  destination int not null,
  state smallint not null,            -- 0 waiting, 1 delivered, 2 dead letter, 3 cancelled, 4 unrouted
  version int not null default 0,     -- the fence: each change needs the version that it has seen
  due bigint not null,
  size bigint not null,
  ord bigint,                         -- order key; null: none
  attempts int not null default 0,    -- counted since the receipt or the last redelivery
  written int not null default 0,     -- number of the last row in attempt
  ended bigint not null default 0,
  redelivered bigint not null default 0,
  last bytea,
  primary key (message, destination)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index delivery_due on {s}.delivery (destination, due, message) where state = 0 and ord is null;
create index delivery_order on {s}.delivery (destination, ord, message) where state = 0 and ord is not null;
create index delivery_dead on {s}.delivery (destination, message) where state = 2;
create index delivery_ended on {s}.delivery (destination, ended, message) where state in (1, 3, 4);
create table {s}.attempt (
  message uuid, destination int, number int, record bytea not null,
  primary key (message, destination, number)
);
-- Deliveries that a node has accepted for a destination of another one, until the owner has read them.
create table {s}.inbox (
  seq bigint generated always as identity primary key,
  destination int not null,
  message uuid not null,
  asks int                            -- the node at which a sender waits for the answer of the first attempt
);
create index inbox_destination on {s}.inbox (destination);
-- Answers of first attempts for the nodes that asked for them, until these have read them.
create table {s}.answer (
  node int,
  message uuid,
  at timestamptz not null default clock_timestamp(),
  record bytea,                       -- sealed as attempt.record; null: there is no answer
  primary key (node, message)
);
-- A key that is recorded, or, with expires = 0, a reservation of an event that is under way.
create table {s}.key (
  key uuid primary key,
  expires bigint not null,
  until timestamptz,                  -- a reservation ends by itself then; its node renews it
  holder bigint                       -- whose reservation it is
);
create index key_expires on {s}.key (expires);
create table {s}.gone (id uuid primary key, at bigint not null, why smallint not null);
create index gone_at on {s}.gone (at);
create table {s}.secret (
  endpoint text, digest bytea, seq bigint generated always as identity, secret bytea not null, sealed boolean not null,
  primary key (endpoint, digest)
);
-- One row for each encryption key that has ever sealed, which no other key opens.
create table {s}.canary (key bytea primary key, value bytea not null);
-- Operations of a person, until the owner of the destination has carried them out.
create table {s}.command (
  id bigint generated always as identity primary key,
  destination int not null,
  at timestamptz not null default clock_timestamp(),
  request jsonb not null,
  reply jsonb
);

-- accept_1 writes a batch of acceptances in one transaction. Verdicts: 0 new, 1 duplicate, 2 replayed.
-- mine has the epoch of p_node's ownership for each delivery that p_node itself brings into memory. 0: it is
-- in the inbox.
create function {s}.accept_1(p_class int, p_node int, p_now bigint,
  mkey uuid[], mdig uuid[], mrefuse boolean[], mat bigint[], mwindow bigint[],
  mid uuid[], mendpoint text[], mevent text[], mtype text[], msize bigint[], mrecord bytea[],
  dmsg int[], ddest int[], dstate smallint[], ddue bigint[], dsize bigint[], dord bigint[], dended bigint[], dasks boolean[],
  out verdict smallint[], out mine bigint[]) language plpgsql as $$
declare
  fresh uuid[];
  keep boolean[];
  n int;
begin
  -- An owner changes only while nobody accepts for the destination. These locks come first, in one
  -- order: who waits for a key has all of them.
  for n in select distinct d from unnest(ddest) d order by 1 loop
    perform pg_advisory_xact_lock_shared(p_class, n);
  end loop;
  -- Whoever inserts a key that another transaction is inserting waits for its end, which is when it
  -- is durable. One order for all keys of a batch, so that nobody waits for somebody who waits.
  with want as (
    select k, max(e) as e from (
      select * from unnest(mkey, mat, mwindow) a(k, a, w), lateral (select a.a + a.w) x(e) union all
      select * from unnest(mdig, mat, mwindow) b(k, a, w), lateral (select b.a + b.w) x(e)) s(k, a, w, e)
    where k is not null group by k
  ), ins as (
    insert into {s}.key as t (key, expires) select k, e from want order by k
    on conflict (key) do update set expires = excluded.expires where t.expires <= p_now
    returning t.key
  )
  select coalesce(array_agg(ins.key), '{}') into fresh from ins;

  with m as (select * from unnest(mkey, mdig, mrefuse) with ordinality x(k, d, refuse, o)),
  first as (select v, min(o) as o from (select k as v, o from m union all select d, o from m) s where v is not null group by v),
  judged as (
    select m.o, m.refuse, case
      when m.k is not null and (m.k <> all(fresh) or fk.o < m.o) then 1
      when m.d is not null and (m.d <> all(fresh) or fd.o < m.o) then 2
      else 0 end::smallint as v
    from m left join first fk on fk.v = m.k left join first fd on fd.v = m.d
  )
  select array_agg(v order by o), array_agg(v = 0 or v = 2 and not refuse order by o) into verdict, keep from judged;

  -- A key that only events without a message have brought is not recorded.
  if false = any(keep) and cardinality(fresh) > 0 then
    delete from {s}.key t where t.key = any(fresh)
      and not exists (select 1 from unnest(mkey, mdig, keep) x(k, d, kept) where kept and (k = t.key or d = t.key));
  end if;
  -- What is known and repeated stays known: with less than half of the window left, it begins anew.
  if 1 = any(verdict) or 2 = any(verdict) then
    update {s}.key t set expires = y.e from (
      select k, max(a + w) as e, max(a + w / 2) as half from (
        select k, a, w from unnest(mkey, mat, mwindow) x(k, a, w) union all select k, a, w from unnest(mdig, mat, mwindow) x(k, a, w)) z
      where k is not null and k <> all(fresh) group by k order by k) y
    where t.key = y.k and t.expires < y.half;
  end if;

  insert into {s}.message (id, endpoint, event_id, event_type, size, record)
    select id, endpoint, event, typ, size, record
    from unnest(mid, mendpoint, mevent, mtype, msize, mrecord, keep) x(id, endpoint, event, typ, size, record, kept)
    where kept and record is not null;
  insert into {s}.delivery (message, destination, state, due, size, ord, ended)
    select mid[m], dest, state, due, size, ord, ended
    from unnest(dmsg, ddest, dstate, ddue, dsize, dord, dended) x(m, dest, state, due, size, ord, ended) where keep[m];
  -- An ordered delivery does not overtake those in the inbox, which the owner has not read yet.
  select array_agg(case when o.owner = p_node and (x.ord is null or not exists (select from {s}.inbox b where b.destination = x.d)) then o.epoch else 0 end order by i) into mine
    from unnest(ddest, dord) with ordinality x(d, ord, i) join {s}.destination o on o.id = x.d;
  if 0 = any(mine) then
    insert into {s}.inbox (destination, message, asks)
      select dest, mid[m], case when asks then p_node end from unnest(dmsg, ddest, mine, dasks) x(m, dest, own, asks) where keep[m] and own = 0;
  end if;
  -- What can be seen need not be replicated: after a crash, or when somebody cancelled its wait. A
  -- twin is told "duplicate" only when what was written before it is, as this is written later. (The
  -- lock of the row whose key is there has the same effect, as long as PostgreSQL logs it.)
  if not true = any(keep) then
    perform pg_logical_emit_message(true, 'hookwicket', '');
  end if;
end $$;

-- mark_1 writes outcomes. A state of 5 removes the delivery, and its message with the last one.
-- It returns which deliveries had the version that was seen; the others are not changed.
create function {s}.mark_1(p_sync text, p_at bigint, dmsg uuid[], ddest int[], dversion int[], dstate smallint[],
  ddue bigint[], dended bigint[], dattempts int[], dwritten int[], dlast bytea[], dord bigint[], dredelivered bigint[], drecord bytea[], dwhy smallint[])
returns boolean[] language plpgsql as $$
declare ok boolean[];
begin
  perform set_config('synchronous_commit', p_sync, true);
  if 5 = any(dstate) then -- the last delivery of a message is known only while nobody else removes one
    perform 1 from {s}.message where id = any(dmsg) order by id for update;
  end if;
  perform 1 from {s}.delivery d join unnest(dmsg, ddest) x(m, l) on d.message = m and d.destination = l order by d.message, d.destination for update of d;
  with x as (select * from unnest(dmsg, ddest, dversion, dstate, ddue, dended, dattempts, dwritten, dlast, dord, dredelivered, drecord)
      with ordinality x(message, destination, version, state, due, ended, attempts, written, last, ord, redelivered, record, i)),
  u as (
    update {s}.delivery d set state = case when x.state = 5 then d.state else x.state end, due = x.due, ended = x.ended, attempts = x.attempts,
      written = x.written, last = x.last, ord = x.ord, redelivered = x.redelivered, version = d.version + 1
    from x where d.message = x.message and d.destination = x.destination and d.version = x.version
    returning x.i
  ), a as (
    insert into {s}.attempt (message, destination, number, record)
    select x.message, x.destination, x.written, x.record from x join u using (i) where x.record is not null and x.state <> 5
  ), old as (
    delete from {s}.attempt a using x join u using (i)
    where x.record is not null and a.message = x.message and a.destination = x.destination and a.number <= x.written - 100
  )
  select array_agg(u.i is not null order by x.i) into ok from x left join u using (i);
  if 5 = any(dstate) then
    delete from {s}.attempt a using unnest(dmsg, ddest, dstate, ok) y(m, l, s, k) where s = 5 and k and a.message = m and a.destination = l;
    delete from {s}.delivery d using unnest(dmsg, ddest, dstate, ok) y(m, l, s, k) where s = 5 and k and d.message = m and d.destination = l;
    with g as (
      delete from {s}.message t using unnest(dmsg, dstate, ok, dwhy) y(m, s, k, w) where s = 5 and k and t.id = m
        and not exists (select 1 from {s}.delivery d where d.message = m) returning t.id, y.w)
    insert into {s}.gone (id, at, why) select id, p_at, max(w) from g group by id on conflict (id) do nothing;
  end if;
  return ok;
end $$;
