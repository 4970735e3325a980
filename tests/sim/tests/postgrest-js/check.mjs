// Asks the simulated PostgREST with the official client: what its authors read out of PostgREST's
// replies must be what the simulator says. Prints how many promises held; ends at the first that did not.
import assert from 'node:assert/strict'
import { PostgrestClient } from '@supabase/postgrest-js'

const [url, key, anonKey] = process.argv.slice(2)
const with_key = (key) => new PostgrestClient(url, { headers: { apikey: key, Authorization: `Bearer ${key}` } })
const api = with_key(key)
let held = 0

async function promise(name, check) {
  try {
    await check()
    held += 1
  } catch (error) {
    console.error(`broken: ${name}`)
    throw error
  }
}

const good = ({ data, error, status, count }, expected = 200) => {
  assert.equal(error, null)
  assert.equal(status, expected)
  return { data, count }
}

const bad = ({ error, status }, expected, code) => {
  assert.equal(status, expected)
  assert.equal(error.code, code)
}

const customers = () => api.from('customers')

await promise('a list has its rows, and a page its part of the count', async () => {
  const all = good(await customers().select('id', { count: 'exact' }).order('id'))
  assert.equal(all.count, 30)
  assert.equal(all.data.length, 30)
  const part = good(await customers().select('id', { count: 'exact' }).order('id').range(10, 14), 206)
  assert.deepEqual(part.data, all.data.slice(10, 15))
  assert.equal(part.count, 30)
  const late = await customers().select('id', { count: 'exact' }).range(31, 40)
  bad(late, 416, 'PGRST103')
})

await promise('a count without rows', async () => {
  const { count } = good(await customers().select('*', { count: 'exact', head: true }))
  assert.equal(count, 30)
})

await promise('filters choose the rows that SQL would', async () => {
  const { data: all } = good(await customers().select('*').order('id'))
  const same = async (query, choose) => {
    const { data } = good(await query)
    assert.deepEqual(data, all.filter(choose))
  }
  const middle = all[12]
  const ordered = () => customers().select('*').order('id')
  await same(ordered().eq('id', middle.id), (row) => row.id === middle.id)
  await same(ordered().neq('id', middle.id), (row) => row.id !== middle.id)
  await same(ordered().gt('id', middle.id), (row) => row.id > middle.id)
  await same(ordered().gte('id', middle.id), (row) => row.id >= middle.id)
  await same(ordered().lt('id', middle.id), (row) => row.id < middle.id)
  await same(ordered().in('id', [all[1].id, all[3].id]), (row) => [all[1].id, all[3].id].includes(row.id))
  await same(ordered().is('email', null), (row) => row.email === null)
  await same(ordered().not('email', 'is', null), (row) => row.email !== null)
  await same(ordered().ilike('email', 'GUEST1%'), (row) => row.email?.toLowerCase().startsWith('guest1'))
  await same(ordered().like('email', '%1@Example.test'), (row) => row.email?.endsWith('1@Example.test'))
  await same(
    ordered().or(`id.eq.${all[0].id},and(id.gt.${all[27].id},email.not.is.null)`),
    (row) => row.id === all[0].id || (row.id > all[27].id && row.email !== null),
  )
  await same(ordered().in('customer_name', ["Kit O'Green", 'a,b']), (row) => row.customer_name === "Kit O'Green")
})

await promise('order goes both ways, with nulls where they are wanted', async () => {
  const { data } = good(await customers().select('email').order('email', { ascending: false, nullsFirst: false }))
  const emails = data.map((row) => row.email)
  const known = emails.filter((email) => email !== null)
  assert.deepEqual(emails.slice(0, known.length), [...known].sort().reverse())
})

await promise('columns can be renamed and cast', async () => {
  const { data } = good(await api.rpc('get_available_packages', {}).select('nr:id::text,customer_name').limit(1))
  assert.equal(typeof data[0].nr, 'string')
  assert.deepEqual(Object.keys(data[0]), ['nr', 'customer_name'])
})

await promise('one row is one object, and none or two are not', async () => {
  const { data: all } = good(await customers().select('id'))
  const { data } = good(await customers().select('id').eq('id', all[0].id).single())
  assert.deepEqual(data, all[0])
  bad(await customers().select('id').eq('id', '00000000-0000-4000-8000-ffffffffffff').single(), 406, 'PGRST116')
  bad(await customers().select('id').limit(2).single(), 406, 'PGRST116')
  const none = good(await customers().select('id').eq('customer_name', 'nobody').maybeSingle())
  assert.equal(none.data, null)
})

const mine = { crm_package_id: 'JS-1', crm_customer_id: 'c', remaining_hours: 7.5 }
const packages = () => api.from('crm_packages')

await promise('an insert is made once, and a twin is refused', async () => {
  good(await packages().insert(mine), 201)
  bad(await packages().insert(mine), 409, '23505')
  bad(await packages().insert({ crm_customer_id: 'c' }), 400, '23502')
  bad(await packages().insert({ ...mine, no_such: 1 }), 400, 'PGRST204')
  const { data } = good(await packages().insert([{ ...mine, crm_package_id: 'JS-2' }]).select().single(), 201)
  assert.equal(data.website_id, 'booking.len.golf')
  assert.equal(data.remaining_hours, 7.5)
})

await promise('an upsert says whether it made anything', async () => {
  const on = { onConflict: 'crm_package_id,website_id' }
  const row = { ...mine, website_id: 'booking.len.golf' }
  good(await packages().upsert({ ...row, remaining_hours: 6 }, on), 200)
  good(await packages().upsert([row, { ...row, crm_package_id: 'JS-3' }], on), 201)
  bad(await packages().upsert([row, row], on), 500, '21000')
  bad(await packages().upsert(row, { onConflict: 'crm_customer_id' }), 400, '42P10')
  const kept = await packages().upsert({ ...row, remaining_hours: 1 }, { ...on, ignoreDuplicates: true })
  assert.equal(kept.error, null)
  const { data } = good(await packages().select('remaining_hours').eq('crm_package_id', 'JS-1').single())
  assert.equal(data.remaining_hours, 7.5)
})

await promise('changes and deletions touch what is asked and nothing else', async () => {
  good(await packages().update({ remaining_hours: 0 }).eq('crm_package_id', 'JS-1'), 204)
  const { data } = good(await packages().update({ remaining_hours: 2 }).like('crm_package_id', 'JS-%').select())
  assert.equal(data.length, 3)
  bad(await packages().delete(), 400, '21000')
  bad(await packages().delete().like('crm_package_id', 'JS-%').maxAffected(2), 400, 'PGRST124')
  good(await packages().delete().like('crm_package_id', 'JS-%'), 204)
  const { count } = good(await packages().select('*', { count: 'exact', head: true }))
  assert.equal(count, 0)
})

await promise('functions are called by name, arguments and schema', async () => {
  const { data: all } = good(await api.rpc('get_available_packages'))
  assert.ok(all.length > 20)
  const { data: some } = good(await customers().select('stable_hash_id').order('id'))
  let found = 0
  for (const { stable_hash_id: hash } of some) {
    const args = { p_stable_hash_id: hash }
    const { data } = good(await api.schema('backoffice').rpc('get_packages_by_hash_id', args))
    assert.ok(data.every((row) => row.stable_hash_id === hash))
    found += data.length
    const got = good(await api.schema('backoffice').rpc('get_packages_by_hash_id', args, { get: true }))
    assert.deepEqual(got.data, data)
  }
  // People of one name without a number share a hash, so some are found twice.
  assert.ok(found >= all.length)
  bad(await api.rpc('get_packages_by_hash_id', { p_stable_hash_id: 'x' }), 404, 'PGRST202')
  bad(await api.schema('secret').rpc('get_available_packages'), 406, 'PGRST106')
  const counted = good(await api.rpc('get_available_packages', {}, { count: 'exact' }).range(0, 4), 206)
  assert.equal(counted.count, all.length)
  assert.equal(counted.data.length, 5)
})

await promise('names that are not there, and filters that are none', async () => {
  bad(await api.from('no_such').select(), 404, 'PGRST205')
  bad(await customers().select('no_such'), 400, '42703')
  bad(await customers().select().eq('no_such', 1), 400, '42703')
  bad(await customers().select().eq('id', 'no uuid'), 400, '22P02')
  bad(await customers().select().filter('id', 'resembles', 1), 400, 'PGRST100')
  bad(await customers().select().filter('customer_name', 'is', ''), 400, 'PGRST100')
})

await promise('rights hide rows and refuse writes', async () => {
  const nobody = with_key(anonKey)
  const { data } = good(await nobody.from('customers').select())
  assert.deepEqual(data, [])
  bad(await nobody.from('crm_packages').insert(mine), 401, '42501')
  const stranger = await with_key('wrong').from('customers').select()
  assert.equal(stranger.status, 401)
  assert.equal(stranger.error.message, 'Invalid API key')
})

console.log(`${held} promises held`)
