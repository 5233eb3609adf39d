# shellcheck shell=bash
# What a scenario claims. Each claim prints one line; the first that does not hold ends the
# scenario, with what the machine has to say about it.

# step TEXT: what the scenario does next.
step() { printf -- '-- %s\n' "$*"; }

# same WHAT EXPECTED ACTUAL
same() {
  if [[ $2 == "$3" ]]; then
    printf '   ok  %s: %s\n' "$1" "$3"
  else
    broken "$1" "expected: $2" "     got: $3"
  fi
}

# differ WHAT ONE OTHER
differ() {
  if [[ -n $2 && -n $3 && $2 != "$3" ]]; then
    printf '   ok  %s: %s, then %s\n' "$1" "$2" "$3"
  else
    broken "$1" "not two different values: '$2' and '$3'"
  fi
}

# holds WHAT COMMAND...: the command ends with 0.
holds() {
  local what=$1 said status=0
  shift
  said=$("$@" 2>&1) || status=$?
  if ((status == 0)); then
    printf '   ok  %s\n' "$what"
  else
    broken "$what" "'$*' ended with $status" "$said"
  fi
}

# eventually SECONDS WHAT COMMAND...: the command ends with 0, by then at the latest. For what
# nothing announces; where there is an event, wait for that.
eventually() {
  local limit=$1 what=$2 begin=$SECONDS said status
  shift 2
  while true; do
    status=0
    said=$("$@" 2>&1) || status=$?
    if ((status == 0)); then
      printf '   ok  %s\n' "$what"
      return
    fi
    if ((SECONDS - begin > limit)); then
      broken "$what" "not within $limit s; '$*' still ends with $status" "$said"
    fi
    sleep 0.1
  done
}

# broken WHAT LINE...: ends the scenario.
broken() {
  printf '   NO  %s\n' "$1"
  shift
  printf '       %s\n' "$@"
  exit 1
} >&2

# Runs at the end of every scenario.
lab_end() {
  local status=$?
  trap - EXIT ERR
  if ((status == 0)); then
    machine_destroy
  else
    set +e
    printf -- '-- failed with %s; the end of the console:\n' "$status"
    tail -n 25 "$LAB_MACHINE/console" 2>/dev/null
    printf -- '-- the end of the journal:\n'
    machine_journal
    machine_cut >/dev/null
    printf -- '-- kept for you: %s\n' "$LAB_MACHINE"
  fi >&2
  exit "$status"
}
trap lab_end EXIT
# A command that failed where nobody claimed anything: says where in the scenario that was.
lab_stopped() {
  local status=$1 depth
  for ((depth = 1; depth < ${#BASH_SOURCE[@]}; depth++)); do
    [[ ${BASH_SOURCE[depth]} != */lib/* ]] || continue
    printf '   NO  line %s: "%s" ended with %s\n' "${BASH_LINENO[depth - 1]}" \
      "$(sed -n "${BASH_LINENO[depth - 1]}p" "${BASH_SOURCE[depth]}")" "$status"
    break
  done
} >&2
trap 'lab_stopped $?' ERR
set -o errtrace
