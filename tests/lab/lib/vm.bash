# shellcheck shell=bash
# A machine as a virtual machine: QEMU in software emulation, Debian's kernel, the same disk
# contents as the containers have. Slower than those (a boot takes some ten seconds), but with a
# kernel of its own, every cgroup controller, and power that can be cut: what the machine wrote and
# did not sync is lost with its memory. The functions are those of container.bash.
#
# Commands get in by the second serial line, where a shell of ours in the machine waits for them.

LAB_DISK=$LAB_MACHINE/disk
machine_pid=''
machine_boots=0
machine_command=0

machine_create() {
  rm -rf "$LAB_MACHINE"
  mkdir -p "$LAB_MACHINE"
  cp -a --reflink=auto "$LAB_ROOTFS" "$LAB_DISK"
  tr -d - </proc/sys/kernel/random/uuid >"$LAB_DISK/etc/machine-id"
  install -m 755 "$LAB/lib/vm-shell" "$LAB_DISK/usr/local/sbin/lab-shell"
  cat >"$LAB_DISK/etc/systemd/system/lab-shell.service" <<'UNIT'
[Unit]
Description=Runs what comes in on the second serial line
[Service]
ExecStart=/usr/local/sbin/lab-shell /dev/ttyS1
WorkingDirectory=/root
Environment=HOME=/root LANG=C.UTF-8
[Install]
WantedBy=multi-user.target
UNIT
  systemctl --quiet --root="$LAB_DISK" enable lab-shell.service
}

machine_boot() {
  machine_boots=$((machine_boots + 1))
  if [[ ! -f $LAB_MACHINE/disk.img ]]; then
    truncate -s 1G "$LAB_MACHINE/disk.img"
    mke2fs -q -t ext4 -d "$LAB_DISK" "$LAB_MACHINE/disk.img"
  fi
  rm -f "$LAB_MACHINE"/line.*
  mkfifo "$LAB_MACHINE/line.in" "$LAB_MACHINE/line.out"
  qemu-system-x86_64 -machine q35,accel=tcg -cpu max -smp 2 -m 1024 -display none -monitor none \
    -no-reboot -nic none -kernel "$LAB_KERNEL" \
    -append "root=/dev/nvme0n1 rw console=ttyS0 quiet panic=-1 systemd.show_status=no" \
    -drive "file=$LAB_MACHINE/disk.img,if=none,id=disk,format=raw" -device nvme,drive=disk,serial=lab \
    -chardev "file,id=console,path=$LAB_MACHINE/console,append=on" -serial chardev:console \
    -chardev "pipe,id=line,path=$LAB_MACHINE/line" -serial chardev:line \
    >>"$LAB_MACHINE/qemu.log" 2>&1 &
  machine_pid=$!
  exec 5<>"$LAB_MACHINE/line.in" 6<>"$LAB_MACHINE/line.out"
  local said
  said=$(machine_line 120 booted)
  holds "boot $machine_boots is finished" test -n "$said"
}

# Waits for the line that begins with this word and prints the rest of it.
machine_line() {
  local limit=$1 word=$2 part line='' deadline=$((SECONDS + $1))
  while ((SECONDS < deadline)); do
    kill -0 "$machine_pid" 2>/dev/null || broken "line '$word'" "the machine ended before it"
    # The time may be over in the midst of a line, of which a slow machine sends the rest later.
    part=''
    if IFS= read -r -t 1 part <&6; then
      line+=$part
      line=${line%$'\r'}
      [[ $line != "$word "* ]] || { printf '%s\n' "${line#"$word "}"; return; }
      line=''
    else
      line+=$part
    fi
  done
  broken "line '$word'" "not within $limit s"
}

inside() {
  local answer status output errors
  machine_send "$@"
  answer=$(machine_line 300 "$machine_command")
  read -r status output errors <<<"$answer"
  base64 -d <<<"${output#=}"
  base64 -d <<<"${errors#=}" >&2
  return "$status"
}

# Sends a command, as $machine_command, and does not wait for its answer.
machine_send() {
  local script
  printf -v script '%q ' "$@"
  # A subshell counts for itself, so the counter alone would not be unique.
  machine_command=$((${machine_command%.*} + 1)).$RANDOM
  printf '%s %s\n' "$machine_command" "$(base64 -w0 <<<"$script")" >&5
}

machine_end() {
  machine_send systemctl "$1"
  timeout 120 tail --pid="$machine_pid" -f /dev/null || broken "$1" "not within 120 s"
  machine_gone
  # QEMU ends in the same way for both; the machine's kernel says on the console which it was.
  local last
  last=$(grep -aoE 'reboot: (Restarting system|Power down)' "$LAB_MACHINE/console" | tail -n1)
  case $1 in
    reboot) same "the kernel's last word" "reboot: Restarting system" "$last" ;;
    poweroff) same "the kernel's last word" "reboot: Power down" "$last" ;;
  esac
}

machine_cut() {
  [[ -n $machine_pid ]] || return 0
  kill -KILL "$machine_pid"
  machine_gone
}

machine_gone() {
  { wait "$machine_pid" || true; } 2>/dev/null
  exec 5>&- 6<&-
  machine_pid=''
}

machine_destroy() {
  machine_cut
  rm -rf "$LAB_MACHINE"
}

machine_journal() {
  if [[ -n $machine_pid ]]; then
    inside journalctl --no-pager --output=short-monotonic --lines=60
  else
    mkdir -p "$LAB_MACHINE/mnt"
    mount -o loop,ro,noload "$LAB_MACHINE/disk.img" "$LAB_MACHINE/mnt"
    journalctl --directory="$LAB_MACHINE/mnt/var/log/journal" --no-pager --output=short-monotonic --lines=60
    umount "$LAB_MACHINE/mnt"
  fi
}
