-- What wrk asks: announcements, the room of a location, the nearest one, in turns.
--   wrk -t2 -c400 -d30s --timeout 30s -s tests/load/crowd.lua http://HOST:PORT -- KEY LOCATIONS
local threads = 0
local turn = 0
local key, places, run, headers

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  key, places = args[1], tonumber(args[2])
  run = os.time() .. "-" .. number
  headers = { ["authorization"] = "Bearer " .. key, ["content-type"] = "application/json" }
end

function request()
  turn = turn + 1
  local place = turn % places
  if turn % 3 == 0 then
    local body = string.format(
      '{"barcode":"W%s-%d","location":"L%d","size":"S",' ..
      '"recipient":{"name":"Eva","email":"eva%d@example.org"}}',
      run, turn, place, turn)
    return wrk.format("POST", "/v1/packages", headers, body)
  elseif turn % 3 == 1 then
    return wrk.format("GET", "/v1/locations/L" .. place, headers)
  end
  local near = string.format("lat=%.1f&lon=%.1f", 40 + place % 100 / 10, math.floor(place / 100) / 10)
  return wrk.format("GET", "/v1/locations/nearest?" .. near, headers)
end

function done(summary, latency)
  local errors = summary.errors
  local wrong = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"answered": %d, "errors": %d, "not_2xx": %d, "time_outs": %d, "per_s": %.1f,' ..
    ' "p50_ms": %.1f, "p99_ms": %.1f}\n',
    summary.requests - errors.status, wrong, errors.status, errors.timeout,
    summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
