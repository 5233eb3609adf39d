# shellcheck shell=bash
# Twenty workers that write down how they end, and what was recorded of them. See fated.

FATED=/srv/fated

# fated_install [BINARIES]: a rig of them, four of the twenty in tmux, onto the machine's disk.
fated_install() {
  local number launcher config
  config=$(mktemp)
  {
    printf '[rig]\nname = "fated"\n\n[defaults]\n'
    printf 'environment = { FATED_SECONDS = "%s" }\n' "${fated_seconds:-2}"
    printf 'backoff = { first = "10ms", most = "50ms" }\nbudget = { restarts = 1000000 }\nkeep_attempts = 100000\n'
    for number in {0..19}; do
      launcher=process
      ((number % 5)) || launcher=tmux
      printf '\n[workers.w%02d]\nkind = "service"\ncommand = ["/srv/fated/fated", "/srv/fated"]\nlauncher = "%s"\n' "$number" "$launcher"
    done
  } >"$config"
  rig_install "$config"
  rm "$config"
  install -D -m 755 "$LAB"/faults/{fated,compare} -t "$LAB_DISK/srv/fated"
  fated_daemon_returns_at_once
}

# Who is killed two hundred times has no second to wait between two of them.
fated_daemon_returns_at_once() {
  mkdir -p "$LAB_DISK/etc/systemd/system/loopkeeper.service.d"
  printf '[Service]\nRestartSec=0\n' >"$LAB_DISK/etc/systemd/system/loopkeeper.service.d/restart.conf"
}

fated_all() { rig_status | jq --exit-status --arg state "$1" '.workers | map(select(.kind == "service")) | length == 20 and all(.[]; .state == $state)'; }

# Each of them was restarted once, at least.
fated_restarted() { rig_status | jq --exit-status '[.workers[] | select(.restarts > 0)] | length == 20'; }

# fated_over: stops them, and compares what was recorded of them with what they wrote down.
fated_over() {
  local workers
  mapfile -t workers < <(printf 'w%02d\n' {0..19})
  eventually 60 "the daemon answers" rig_status
  holds "they are stopped" inside supervisorctl stop "${workers[@]}"
  eventually 60 "all twenty are" fated_all stopped
  rig_status | inside sh -c 'cat >/srv/fated/status.json'
  holds "history is kept" inside sh -c 'supervisorctl history --json --lines 1000000 >/srv/fated/history.json'
  inside /srv/fated/compare "$RIG_STATE/attempts" "$FATED" || broken "what was recorded is what happened"
  printf '   ok  what was recorded is what happened\n'
}
