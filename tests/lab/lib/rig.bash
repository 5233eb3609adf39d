# shellcheck shell=bash disable=SC2016
# The rig of ../rig on a machine of the lab, and what can be claimed of it.

RIG_STATE=/var/lib/loopkeeper
RIG_BINARIES=$LAB_TARGET/${LAB_PROFILE:-debug}

# rig_install [CONFIG]: onto the machine's disk, before its first boot.
rig_install() {
  install -m 755 "$RIG_BINARIES"/{loopkeeperd,supervisorctl} "$LAB_DISK/usr/bin/"
  install -D -m 644 "${1:-$LAB/rig/loopkeeper.toml}" "$LAB_DISK/etc/loopkeeper/loopkeeper.toml"
  install -m 755 "$LAB"/rig/{builder-loop,adversary-loop,neighbour} "$LAB_DISK/srv/"
  cat >"$LAB_DISK/etc/systemd/system/neighbour.service" <<'UNIT'
[Service]
ExecStart=/srv/neighbour
[Install]
WantedBy=multi-user.target
UNIT
  mkdir -p "$LAB_DISK/srv/briefs"
  local phase
  for phase in draft build polish; do
    echo "Do the $phase." >"$LAB_DISK/srv/briefs/$phase.md"
  done
  cat >"$LAB_DISK/etc/gitconfig" <<'GIT'
[user]
	name = lab
	email = lab@localhost
[core]
	# A power cut must not leave a broken repository to a loop.
	fsync = all
[init]
	defaultBranch = main
GIT
  chroot "$LAB_DISK" env HOME=/root sh -ec '
    git init --quiet --bare /srv/origin.git
    git clone --quiet /srv/origin.git /srv/builder 2>/dev/null
    git clone --quiet /srv/origin.git /srv/adversary 2>/dev/null
    ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519
    cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys'
  # The program has to see itself through /proc, which only a booted machine has.
  mount --bind /proc "$LAB_DISK/proc"
  chroot "$LAB_DISK" supervisorctl generate unit >"$LAB_DISK/etc/systemd/system/loopkeeper.service"
  umount "$LAB_DISK/proc"
  systemctl --quiet --root="$LAB_DISK" enable loopkeeper.service neighbour.service
}

# rig_catalog DIRECTORY: of the journal's messages.
rig_catalog() {
  mkdir -p "$1"
  "$RIG_BINARIES/supervisorctl" generate catalog >"$1/loopkeeper.catalog"
}

rig_status() { inside supervisorctl status --json; }

rig_contract() { same "status --json differs from the contract in" "" "$(rig_status | jq --raw-output --from-file "$LAB/rig/contract.jq")"; }

# rig_field FILTER: of status, by jq; with $name for the one word more that may be given.
rig_field() { rig_status | jq --raw-output --arg name "${2:-}" "$1"; }

# rig_worker NAME FIELD
rig_worker() { rig_field ".workers[] | select(.name == \$name) | .$2" "$1"; }

# rig_up: the daemon says it is ready, all rows run.
rig_up() {
  eventually 60 "loopkeeper.service is active" inside systemctl is-active loopkeeper
  eventually 60 "every row is running" rig_all_run
  eventually 90 "nothing is degraded" rig_whole
}
rig_whole() { [[ $(rig_field '.degraded | tostring') == '[]' ]]; }
rig_all_run() {
  rig_status | jq --exit-status '
    ([.workers[].name] | sort) == ["adversary", "builder", "proxy", "watchdog"]
    and all(.workers[]; .state == "running")'
}

# rig_at INDEX ID: the resume point, by the daemon and by the file for people.
rig_at() {
  same "phase" "$1 $2 of 3" "$(rig_field '.phase | "\(.index) \(.id) of \(.count)"')"
  holds "phase-idx says so" inside grep -w -e "$2" -e "$1" "$RIG_STATE/phase-idx"
}

# rig_reboots CLEAN...: exactly these reboots are recorded, true for each that was clean; the
# boot_ids are those of $rig_boots, which rig_booted fills.
rig_boots=()
rig_booted() { rig_boots+=("$(inside cat /proc/sys/kernel/random/boot_id)"); }
rig_reboots() {
  local expected='' last=null unclean=0 boot=0 clean
  for clean in "$@"; do
    boot=$((boot + 1))
    expected+=${rig_boots[boot]//-/}' '$clean$'\n'
    last=$clean
    [[ $clean == true ]] || unclean=$((unclean + 1))
  done
  same "reboots" "${expected%$'\n'}" \
    "$(inside supervisorctl reboots --json | jq --raw-output '.[] | "\(.boot_id | gsub("-"; "")) \(.clean)"')"
  same "reboots in status" "$# $last" "$(rig_field '.reboots | "\(.count) \(.last.clean)"')"
  same "entries in REBOOTS.md" "$#" "$(inside sh -c "grep -c '^## Reboot ' $RIG_STATE/REBOOTS.md || true")"
  same "of them unclean" "$unclean" "$(inside sh -c "grep -c 'ended uncleanly' $RIG_STATE/REBOOTS.md || true")"
}

# rig_processes: the processes that nothing but a boot may replace, as "NAME PID STARTTIME". A pid
# may be given out again; together with its start time it is one process.
rig_processes() {
  local name pid
  for name in builder adversary proxy; do
    pid=$(rig_worker "$name" pid)
    printf '%s %s %s\n' "$name" "$pid" "$(inside cut -d' ' -f22 "/proc/$pid/stat")"
  done
}

# rig_works PHASE: both loops make new commits, told this phase.
rig_works() {
  local written reviewed
  written=$(rig_count builder)
  reviewed=$(rig_count adversary)
  eventually 120 "the builder commits, in phase $1" rig_commits builder "$written" "phase=$1 "
  eventually 120 "the adversary reviews, in phase $1" rig_commits adversary "$reviewed" "phase=$1 "
}
rig_count() { inside git -C "/srv/$1" rev-list --count HEAD 2>/dev/null || echo 0; }
rig_commits() { (($(rig_count "$1") > $2)) && inside git -C "/srv/$1" log -1 --format=%s | grep -F "$3"; }

# rig_reaches: through the proxy, what listens elsewhere.
rig_reaches() {
  same "a page through the proxy" "a page elsewhere" \
    "$(inside curl --silent --show-error --max-time 20 --socks5-hostname 127.0.0.1:1055 http://elsewhere.lab:8080/)"
  same "ssh through the proxy" "lab, from 127.0.0.1 to 127.0.0.2" "$(inside ssh -o BatchMode=yes \
    -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR \
    -o 'ProxyCommand=ncat --proxy-type socks5 --proxy 127.0.0.1:1055 %h %p' root@elsewhere.lab \
    'set -- $SSH_CONNECTION; echo "$(hostname), from $1 to $3"')"
}

# rig_talk [USER:PASSWORD]: opens a connection through the proxy that stays open; rig_talks WORD sends a
# word and has it come back on that same connection.
rig_talk() {
  inside sh -ec 'systemctl stop talk 2>/dev/null || true; rm -f /run/talk.*; mkfifo /run/talk.in; touch /run/talk.out'
  inside systemd-run --quiet --collect --unit=talk sh -c 'exec 3<>/run/talk.in; exec ncat --proxy-type socks5 --proxy 127.0.0.1:1055 ${1:+--proxy-auth "$1"} elsewhere.lab 7000 <&3 >/run/talk.out' - "${1:-}"
  rig_talks hello
}
rig_talks() {
  inside sh -c 'echo "$1" >/run/talk.in' - "$1"
  eventually 60 "'$1' comes back on the open connection" inside grep -x "$1" /run/talk.out
}
