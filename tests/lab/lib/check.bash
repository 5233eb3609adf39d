# shellcheck shell=bash disable=SC1091
# How a scenario ends: whole, or with what the machine has to say about the claim that does not hold.
. "$LAB/lib/claims.bash"

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
