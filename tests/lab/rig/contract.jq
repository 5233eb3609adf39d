# `supervisorctl status --json` as the contract has it: these fields, of these types. Prints what
# differs; more fields than these are allowed.
def kinds($spec): . as $value | $spec | to_entries[]
  | select(.key as $key | $value | has($key) | not) | "\(.key): missing";
def types($spec): . as $value | $spec | to_entries[]
  | select(.key as $key | $value | has($key))
  | select(.value as $types | ($value[.key] | type) as $type | $types | index($type) | not)
  | "\(.key): \($value[.key] | type), not \(.value | join(" or "))";
def fields($where; $spec): (kinds($spec), types($spec)) | "\($where) \(.)";
def among($where; $words): select(. as $word | $words | index([$word]) | not) | "\($where): \(.)";
def moment($where): select(. != null and (test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$") | not))
  | "\($where): \(.) is not RFC 3339";

fields("status"; {protocol: ["number"], version: ["string"], boot_id: ["string"], started_at: ["string"],
  phase: ["object"], paused: ["boolean"], reboots: ["object"], workers: ["array"]}),
(.protocol | among("protocol"; [1])),
(.started_at | moment("started_at")),
(.phase | fields("phase"; {index: ["number"], id: ["string"], count: ["number"]})),
(.reboots | fields("reboots"; {count: ["number"], last: ["object", "null"]})),
(.reboots.last // empty | fields("reboots.last"; {boot_id: ["string"], at: ["string"], clean: ["boolean"]}),
  (.at | moment("reboots.last.at"))),
(.workers[] | .name as $name
  | fields($name; {name: ["string"], kind: ["string"], host: ["string"], launcher: ["string", "null"],
      state: ["string"], verdict: ["object", "null"], pid: ["number", "null"], attempt: ["string", "null"],
      since: ["string"], restarts: ["number"], last_exit: ["object", "null"]}),
    (.state | among("\($name) state"; ["waiting", "starting", "running", "backing-off", "stopping", "stopped", "held", "lost"])),
    (.kind | among("\($name) kind"; ["loop", "service", "proxy", "watchdog"])),
    (.since | moment("\($name) since")),
    (.verdict // empty | fields("\($name) verdict"; {is: ["string"], evidence: ["string"]}),
      (.is | among("\($name) verdict"; ["working", "waiting", "limited", "stalled", "unknown"]))),
    (.last_exit // empty | keys | among("\($name) last_exit"; [["code"], ["signal"], ["lost"]])))
