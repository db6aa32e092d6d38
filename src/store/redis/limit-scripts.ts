import { toScript } from './script.ts'

// Lua that Redis runs as one step. It is one script with several operations and not several scripts: after SCRIPT FLUSH all
// commands on their way fail alike and are sent again in their order, so that nothing overtakes the release of a slot.
// ARGV[1] is the moment, empty for the server's own clock; ARGV[2] the operation.
// Names: a window is a hash of its slices with `t` (total) and `o` (oldest slice that counts); a burst is the moment at
// which it is whole again; slots are a sorted set of ids by the end of their lease. A budget is a hash with `id` (which
// seed it grew from), `at` (when that was, after the rows were read), `h` and `l` (spent: dollars and picodollars) and `rh`, `rl` (reserved);
// beside it stand `:r` (reservations by id) and `:i` (instances by the end of their lease).

const clock = `
local now = tonumber(ARGV[1])
local function clock()
  if now then return now end
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  return now
end
local position = 1
local function take() position = position + 1 return ARGV[position] end
local function number() return tonumber(take()) end
`

/** Sums of money, and the reservations of a budget. */
const money = `
local DOLLAR = 1000000000000
local function plus(h, l, addH, addL)
  h, l = h + addH, l + addL
  local carry = math.floor(l / DOLLAR)
  return h + carry, l - carry * DOLLAR
end
local function more(h, l, thanH, thanL) return h > thanH or (h == thanH and l > thanL) end
local function whole(number) return string.format('%.0f', number) end
local function parts(text)
  local h, l = string.match(text, '^(%-?%d+) (%-?%d+)$')
  return tonumber(h), tonumber(l)
end
local function budget(key)
  local head = redis.call('HMGET', key, 'id', 'h', 'l', 'rh', 'rl', 'at')
  if not head[1] then return nil end
  return { id = head[1], h = tonumber(head[2]), l = tonumber(head[3]), rh = tonumber(head[4]), rl = tonumber(head[5]),
    at = tonumber(head[6]) }
end
local function keep(key, b)
  redis.call('HSET', key, 'h', whole(b.h), 'l', whole(b.l), 'rh', whole(b.rh), 'rl', whole(b.rl))
end
local function unreserve(key, b, id)
  local held = redis.call('HGET', key .. ':r', id)
  if not held then return false end
  redis.call('HDEL', key .. ':r', id)
  local h, l = parts(held)
  b.rh, b.rl = plus(b.rh, b.rl, -h, -l)
  return true
end
-- What replicas held that did not renew their lease is free again.
local function lapse(key, b)
  local dead = redis.call('ZRANGEBYSCORE', key .. ':i', '-inf', clock())
  for _, instance in ipairs(dead) do
    local held = redis.call('HKEYS', key .. ':r')
    for _, id in ipairs(held) do
      if string.sub(id, 1, #instance + 1) == instance .. ':' then unreserve(key, b, id) end
    end
    redis.call('ZREM', key .. ':i', instance)
  end
  if #dead > 0 then keep(key, b) end
end
local function live(key, instance, lease, milliseconds)
  redis.call('ZADD', key .. ':i', clock() + lease, instance)
  for _, suffix in ipairs({ '', ':r', ':i' }) do redis.call('PEXPIRE', key .. suffix, math.ceil(milliseconds)) end
end
`

/**
 * KEYS: one a claim. ARGV then: latest (after it the command is nobody's any more), instance, lease ms, admission id, then
 * of each claim its kind and numbers. Gives `late`, `seed` with the budgets that are not known, or `ok` / `no` with, of
 * each claim, what is left, the milliseconds until something is given back, and its place.
 */
const admit = `
local latest, instance, lease, id = number(), take(), number(), take()
if clock() > latest then return { 'late', now } end

local function span(key, from, to)
  local names = {}
  for slice = from, to do names[#names + 1] = whole(slice) end
  if #names == 0 then return {}, {} end
  return redis.call('HMGET', key, unpack(names)), names
end
local function count(key, slices, slice)
  local head = redis.call('HMGET', key, 't', 'o')
  local total, oldest = tonumber(head[1] or '0'), tonumber(head[2] or '0')
  local first = slice - slices
  if total <= 0 then return 0, slice end
  if oldest >= first then return total, oldest end
  if first - oldest > 300 then
    -- Only a clock that was moved gets here.
    redis.call('DEL', key)
    return 0, slice
  end
  local gone, names = span(key, oldest, first - 1)
  for _, amount in ipairs(gone) do if amount then total = total - tonumber(amount) end end
  redis.call('HDEL', key, unpack(names))
  oldest = slice
  for index, amount in ipairs((span(key, first, slice))) do
    if amount then oldest = first + index - 1 break end
  end
  redis.call('HSET', key, 't', whole(total), 'o', whole(oldest))
  return total, oldest
end

local kinds = {}
function kinds.window(key)
  local limit, amount, length, slices = number(), number(), number(), number()
  local width = length / slices
  local slice = math.floor(clock() / width)
  local total, oldest = count(key, slices, slice)
  local function leaves(of) return (of + slices + 1) * width - now end
  return {
    fits = total + amount <= limit,
    place = whole(slice),
    take = function()
      if amount == 0 then return end
      if total == 0 or slice < oldest then oldest = slice end
      total = total + amount
      redis.call('HINCRBY', key, whole(slice), whole(amount))
      redis.call('HSET', key, 't', whole(total), 'o', whole(oldest))
      redis.call('PEXPIRE', key, math.ceil(length + 2 * width))
    end,
    left = function() return whole(math.max(0, limit - total)) end,
    reset = function() return total > 0 and leaves(oldest) or 0 end,
    wait = function()
      if amount > limit then return -1 end
      local needed = total + amount - limit
      for index, held in ipairs((span(key, oldest, slice))) do
        if held then needed = needed - tonumber(held) end
        if needed <= 0 then return leaves(oldest + index - 1) end
      end
      return length
    end,
  }
end
function kinds.burst(key)
  local pace, burst = number(), number()
  local interval = 60000 / pace
  local whole_at = math.max(clock(), tonumber(redis.call('GET', key) or '0'))
  local over = whole_at + interval - now - burst * interval
  return {
    fits = over <= 0.01,
    place = '0',
    take = function()
      whole_at = whole_at + interval
      redis.call('SET', key, string.format('%.6f', whole_at), 'PX', math.ceil(whole_at - now) + 1000)
    end,
    left = function() return whole(math.floor((now + burst * interval - whole_at + 0.01) / interval)) end,
    reset = function()
      local room = now + burst * interval - whole_at
      return (math.floor((room + 0.01) / interval) + 1) * interval - room
    end,
    wait = function() return over end,
  }
end
function kinds.slot(key)
  local limit = number()
  redis.call('ZREMRANGEBYSCORE', key, '-inf', clock())
  local held = redis.call('ZCARD', key)
  return {
    fits = held < limit,
    place = '0',
    take = function()
      held = held + 1
      redis.call('ZADD', key, now + lease, id)
      redis.call('PEXPIRE', key, 4 * lease)
    end,
    left = function() return whole(math.max(0, limit - held)) end,
    reset = function() return 1000 end,
    wait = function() return 1000 end,
  }
end
function kinds.money(key)
  local limitH, limitL, amountH, amountL, ends = number(), number(), number(), number(), number()
  local b = budget(key)
  if not b then return nil end
  lapse(key, b)
  local h, l = plus(b.h, b.l, amountH, amountL)
  local alone = not more(h, l, limitH, limitL)
  h, l = plus(h, l, b.rh, b.rl)
  return {
    fits = not more(h, l, limitH, limitL),
    place = b.id,
    take = function()
      b.rh, b.rl = plus(b.rh, b.rl, amountH, amountL)
      redis.call('HSET', key .. ':r', id, whole(amountH) .. ' ' .. whole(amountL))
      keep(key, b)
      live(key, instance, lease, ends - now + 3600000)
    end,
    left = function()
      local leftH, leftL = plus(limitH, limitL, -b.h, -b.l)
      leftH, leftL = plus(leftH, leftL, -b.rh, -b.rl)
      return whole(leftH) .. ' ' .. whole(leftL)
    end,
    reset = function() return ends - now end,
    wait = function()
      if more(amountH, amountL, limitH, limitL) then return -1 end
      return alone and math.min(1000, ends - now) or ends - now
    end,
  }
end

local claims, unknown, refused = {}, {}, 0
for index, key in ipairs(KEYS) do
  local claim = kinds[take()](key)
  if claim then claims[index] = claim else unknown[#unknown + 1] = index end
end
if #unknown > 0 then return { 'seed', now, unpack(unknown) } end
for index, claim in ipairs(claims) do if refused == 0 and not claim.fits then refused = index end end
local answer, wait = { refused == 0 and 'ok' or 'no', now, refused, 0 }, 0
for _, claim in ipairs(claims) do
  if refused == 0 then claim.take() end
  local reset = (refused == 0 or claim.fits) and claim.reset() or claim.wait()
  if not claim.fits then
    if reset < 0 or wait < 0 then wait = -1 else wait = math.max(wait, reset) end
  end
  answer[#answer + 1] = claim.left()
  answer[#answer + 1] = math.ceil(reset)
  answer[#answer + 1] = claim.place
end
answer[4] = math.ceil(wait)
return answer
`

/**
 * KEYS: the instance's register of batches, then one an operation. ARGV then: number of this batch, floor (all batches up
 * to it are acknowledged), how many numbers to forget and these, then of each operation its kind and values. A batch that
 * was done already does nothing. Gives the positions of settlements whose budget is not the one they were reserved in.
 */
const settle = `
local register, batch, floor = KEYS[1], number(), number()
local forget = {}
for _ = 1, number() do forget[#forget + 1] = take() end
local done = tonumber(redis.call('HGET', register, 'floor') or '0')
if batch <= done or redis.call('HSETNX', register, whole(batch), '1') == 0 then return {} end
if floor > done then redis.call('HSET', register, 'floor', whole(floor)) end
if #forget > 0 then redis.call('HDEL', register, unpack(forget)) end
redis.call('PEXPIRE', register, 3600000)

local kinds = {}
function kinds.slot(key) redis.call('ZREM', key, take()) end
function kinds.less(key)
  local slice, amount = take(), number()
  local held = tonumber(redis.call('HGET', key, slice) or '0')
  local back = math.min(held, amount)
  if back <= 0 then return end
  local total = redis.call('HINCRBY', key, 't', whole(-back))
  if total <= 0 then redis.call('DEL', key) return end
  if redis.call('HINCRBY', key, slice, whole(-back)) > 0 then return end
  redis.call('HDEL', key, slice)
  if redis.call('HGET', key, 'o') ~= slice then return end
  for later = tonumber(slice) + 1, tonumber(slice) + 300 do
    if redis.call('HEXISTS', key, whole(later)) == 1 then redis.call('HSET', key, 'o', whole(later)) return end
  end
end
function kinds.more(key)
  local amount, length, slices = number(), number(), number()
  local width = length / slices
  local slice = whole(math.floor(clock() / width))
  local before = tonumber(redis.call('HGET', key, 't') or '0')
  if before <= 0 then redis.call('HSET', key, 'o', slice) end
  redis.call('HINCRBY', key, slice, whole(amount))
  redis.call('HINCRBY', key, 't', whole(amount))
  redis.call('PEXPIRE', key, math.ceil(length + 2 * width))
end
function kinds.undo(key)
  local id = take()
  local b = budget(key)
  if b and unreserve(key, b, id) then keep(key, b) end
end
function kinds.money(key)
  local id, seed, h, l, ended = take(), take(), number(), number(), number()
  local b = budget(key)
  if not b then return true end
  unreserve(key, b, id)
  -- A call of an earlier seed that ended after this one was planted cannot be in the rows it grew from.
  local ours = b.id == seed or ended >= b.at
  if ours then b.h, b.l = plus(b.h, b.l, h, l) end
  keep(key, b)
  return not ours
end

local astray = {}
for index = 2, #KEYS do
  if kinds[take()](KEYS[index]) then astray[#astray + 1] = index - 2 end
end
return astray
`

/**
 * KEYS: a budget. ARGV then: a fresh id, spent (dollars, picodollars), end of the period, instance,
 * lease ms, how many open reservations the instance has and these (id, amount), how many admissions it waits for and their ids. A budget that is not known begins with
 * what was spent; one that is known is raised to it, which is a new seed. Gives the budget's id.
 */
const seed = `
local key, fresh, h, l, ends = KEYS[1], take(), number(), number(), number()
local instance, lease = take(), number()
local b = budget(key)
if not b then
  redis.call('DEL', key .. ':r', key .. ':i')
  b = { id = fresh, h = h, l = l, rh = 0, rl = 0 }
  redis.call('HSET', key, 'id', fresh, 'at', whole(clock()))
elseif more(h, l, b.h, b.l) then
  -- What made the difference may be settlements that are still on their way: they are of an earlier seed now.
  b.id, b.h, b.l = fresh, h, l
  redis.call('HSET', key, 'id', fresh, 'at', whole(clock()))
end
local held = {}
for _ = 1, number() do
  local id, amount = take(), take()
  held[id] = true
  if redis.call('HSETNX', key .. ':r', id, amount) == 1 then
    local addH, addL = parts(amount)
    b.rh, b.rl = plus(b.rh, b.rl, addH, addL)
  end
end
for _ = 1, number() do held[take()] = true end
-- A promoted server may not have heard that a call has ended.
for _, id in ipairs(redis.call('HKEYS', key .. ':r')) do
  if string.sub(id, 1, #instance + 1) == instance .. ':' and not held[id] then unreserve(key, b, id) end
end
keep(key, b)
live(key, instance, lease, math.max(1000, ends - clock() + 3600000))
return { b.id, clock() }
`

/**
 * KEYS: one a slot or budget that the instance holds. ARGV then: instance, lease ms, then `slot` and its id, or `money`,
 * the id of the seed and the end of the period. Gives the positions of budgets that are not the same any more.
 */
const renew = `
local instance, lease = take(), number()
local kinds = {}
function kinds.slot(key)
  redis.call('ZADD', key, clock() + lease, take())
  redis.call('PEXPIRE', key, 4 * lease)
end
function kinds.money(key)
  local seed, ends = take(), number()
  if redis.call('HGET', key, 'id') ~= seed or not redis.call('ZSCORE', key .. ':i', instance) then return true end
  live(key, instance, lease, math.max(1000, ends - clock() + 3600000))
end
local lost = {}
for index, key in ipairs(KEYS) do
  if kinds[take()](key) then lost[#lost + 1] = index - 1 end
end
return lost
`

export const limitScript = toScript(`${clock}${money}
local operation = take()
if operation == 'admit' then ${admit} end
if operation == 'settle' then ${settle} end
if operation == 'seed' then ${seed} end
if operation == 'renew' then ${renew} end
if operation == 'load' then return 'OK' end
return redis.error_reply('ERR unknown operation')
`)
