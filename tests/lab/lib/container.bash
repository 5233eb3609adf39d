# shellcheck shell=bash
# A machine as a container: systemd-nspawn boots the real systemd of a root directory in well under
# a second, with a boot_id of its own at every boot. The directory is the machine's disk: it stays
# over reboots and over a kill. (What was written but not synced stays as well; losing that takes
# the virtual machine.)
#
#   machine_create              a fresh disk in $LAB_DISK; put files there before the first boot
#   machine_boot                until systemd says that the boot is finished
#   inside COMMAND...           runs it in the machine, with its exit code
#   machine_end reboot|poweroff asks systemd for it and waits until the machine ended in that way
#   machine_cut                 kills everything in it at one moment
#   machine_destroy, machine_journal

LAB_DISK=$LAB_MACHINE/disk
machine_leader='' # pid of the machine's systemd
machine_pid=''    # pid of nspawn
machine_cgroup=''
machine_boots=0
machine_options=() # what else nspawn is told

machine_create() {
  rm -rf "$LAB_MACHINE"
  mkdir -p "$LAB_MACHINE"
  cp -a --reflink=auto "$LAB_ROOTFS" "$LAB_DISK"
  tr -d - </proc/sys/kernel/random/uuid >"$LAB_DISK/etc/machine-id"
  # A pure cgroup v2 for systemd, also where this machine has v1; only in our mount namespace.
  umount -R /sys/fs/cgroup 2>/dev/null || true
  mount -t cgroup2 none /sys/fs/cgroup
  # nspawn's own notes on its machines; scenarios may run beside each other.
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs none /run/systemd/nspawn
}

machine_boot() {
  local message deadline=$((SECONDS + 60))
  machine_boots=$((machine_boots + 1))
  machine_cgroup=$(mktemp -d /sys/fs/cgroup/loopkeeper-lab-XXXXXX)
  rm -f "$LAB_MACHINE"/notify*
  mkfifo "$LAB_MACHINE/notify.read"
  # nspawn tells on its notify socket which pid systemd has and when its boot is finished.
  socat -u "UNIX-RECV:$LAB_MACHINE/notify" STDOUT >"$LAB_MACHINE/notify.read" &
  local listener=$!
  exec 5<"$LAB_MACHINE/notify.read"
  until [[ -S $LAB_MACHINE/notify ]]; do sleep 0.01; done
  (
    echo "$BASHPID" >"$machine_cgroup/cgroup.procs"
    exec 5<&-
    NOTIFY_SOCKET=$LAB_MACHINE/notify exec systemd-nspawn --quiet --boot --directory="$LAB_DISK" \
      --machine=lab --register=no --keep-unit --kill-signal=SIGRTMIN+3 --private-network \
      --link-journal=no --resolv-conf=off --timezone=off --console=read-only --notify-ready=yes \
      "${machine_options[@]}" \
      >>"$LAB_MACHINE/console" 2>&1
  ) &
  machine_pid=$!
  message=''
  until [[ $message == *READY=1* ]]; do
    # Messages come without a newline at their end, so a line may hold the end of one and the
    # beginning of the next; and where the time is up, what was read may end within a word.
    local part=''
    if IFS= read -r -t 0.2 part <&5; then message+=$part$'\n'; else message+=$part; fi
    kill -0 "$machine_pid" 2>/dev/null || broken "boot $machine_boots" "nspawn ended while booting"
    ((SECONDS < deadline)) || broken "boot $machine_boots" "not finished within 60 s; told: $message"
  done
  kill "$listener"
  { wait "$listener" || true; } 2>/dev/null
  exec 5<&-
  machine_leader=${message#*X_NSPAWN_LEADER_PID=}
  machine_leader=${machine_leader%%[!0-9]*}
  holds "boot $machine_boots is finished" kill -0 "$machine_leader"
}

inside() {
  nsenter --target="$machine_leader" --all --wdns=/root -- \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LANG=C.UTF-8 "$@"
}

machine_end() {
  local expected status=0
  case $1 in reboot) expected=133 ;; poweroff) expected=0 ;; esac
  inside systemctl "$1"
  # A machine that hangs while shutting down is a failure, not a reason to wait for ever.
  timeout 120 tail --pid="$machine_pid" -f /dev/null || broken "$1" "not within 120 s"
  wait "$machine_pid" || status=$?
  machine_gone
  same "after $1, nspawn ends with" "$expected" "$status"
}

machine_cut() {
  [[ -n $machine_cgroup ]] || return 0
  echo 1 >"$machine_cgroup/cgroup.kill"
  { wait "$machine_pid" || true; } 2>/dev/null
  machine_gone
}

machine_gone() {
  machine_leader=''
  eventually 10 "nothing of the boot is left" grep -qx 'populated 0' "$machine_cgroup/cgroup.events"
  find "$machine_cgroup" -depth -type d -exec rmdir {} +
  machine_cgroup=''
}

machine_destroy() {
  machine_cut
  rm -rf "$LAB_MACHINE"
}

machine_journal() {
  journalctl --directory="$LAB_DISK/var/log/journal" --no-pager --output=short-monotonic --lines=60
}
