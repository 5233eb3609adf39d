# shellcheck shell=bash disable=SC2016
# A machine that has of NixOS what the module makes: its units, its configuration and its secrets, with
# the store's programs replaced by Debian's, and what a switch does to units.

nixos_generations=$LAB_MACHINE/generations.json

# nixos_evaluate: all generations of tests/nix/lab.nix. Before machine_create removes it, in $nixos_all.
nixos_evaluate() {
  export NIX_TESTS=$LAB/../nix NIX_WORK=$LAB_TARGET/nix
  export NIXPKGS=$NIX_WORK/library/nixel/tests/inputs/nixpkgs
  "$NIX_TESTS/fetch" library
  NIX_STATE_DIR=$NIX_WORK/var nix-instantiate --store dummy:// --eval --strict --json \
    --arg nixpkgs "$NIXPKGS" --expr "import $NIX_TESTS/lab.nix"
}

# nixos_of GENERATION FILTER
nixos_of() { jq --raw-output ".$1 | $2" "$nixos_generations"; }

# nixos_store GENERATION: what its units have of the store: Loopkeeper's own programs, and Debian's.
nixos_store() {
  local path
  while read -r path; do
    [[ ! -e $LAB_DISK$path ]] || continue
    mkdir -p "$LAB_DISK$path/bin"
    case $path in
      *-loopkeeper)
        install -m 755 "$RIG_BINARIES"/{loopkeeperd,supervisorctl} "$LAB_DISK$path/bin/"
        rig_catalog "$LAB_DISK$path/lib/systemd/catalog"
        ;;
      *) rmdir "$LAB_DISK$path/bin" && ln -s /usr/bin "$LAB_DISK$path/bin" ;;
    esac
  done < <(nixos_of "$1" '.units[]' | { grep -oE '/nix/store/[^/:" ]+' || true; } | sort -u)
  mkdir -p "$LAB_DISK/etc/tmpfiles.d"
  # Where a person on NixOS finds programs.
  printf 'd /run/current-system 0755 - - -\nL /run/current-system/sw - - - - /usr\n' \
    >"$LAB_DISK/etc/tmpfiles.d/nixos.conf"
}

# nixos_install GENERATION: its files, as an activation puts them in place.
nixos_install() {
  local name target
  nixos_store "$1"
  mkdir -p "$LAB_DISK/etc/loopkeeper"
  nixos_of "$1" .toml >"$LAB_DISK/etc/loopkeeper/.new"
  mv "$LAB_DISK/etc/loopkeeper/.new" "$LAB_DISK/etc/loopkeeper/loopkeeper.toml"
  while read -r name; do
    nixos_of "$1" ".units[\"$name\"]" |
      sed 's,^ExecStart=sops-install-secrets,ExecStart=/srv/install-secrets 1,' >"$LAB_DISK/etc/systemd/system/$name"
    while read -r target; do
      mkdir -p "$LAB_DISK/etc/systemd/system/$target.wants"
      ln -sf "../$name" "$LAB_DISK/etc/systemd/system/$target.wants/$name"
    done < <(nixos_of "$1" ".wanted[\"$name\"][]")
  done < <(nixos_of "$1" '.units | keys[]')
  ln -sfT "$(nixos_of "$1" .package)/bin/supervisorctl" "$LAB_DISK/usr/bin/supervisorctl"
}

# nixos_secrets: what brings them, and the one key that is placed by hand. Decrypts as
# sops-install-secrets does: into a directory of this time, and then the link is to that one.
nixos_secrets() {
  install -m 755 "$LAB/../nix/decrypt" "$LAB_DISK/srv/decrypt"
  install -m 644 "$LAB/../../secrets/example.yaml" "$LAB_DISK/srv/secrets.yaml"
  install -D -m 600 "$LAB/../../secrets/throw-away-age-key.txt" "$LAB_DISK$(nixos_of first .keyFile)"
  {
    printf '#!/bin/sh -e\numask 077\nnew=/run/secrets.d/$1\nmkdir -p "$new"\n'
    printf 'plain=$(/srv/decrypt /srv/secrets.yaml %s)\n' "$(nixos_of first .keyFile)"
    nixos_of first '.secrets | to_entries[] | "\(.key) \(.value)"' | while read -r name key; do
      printf "printf %%s \"\$plain\" | python3 -c 'import functools, json, sys
print(functools.reduce(dict.get, sys.argv[1].split(\"/\"), json.load(sys.stdin)), end=\"\")' %s >\"\$new/%s\"\n" "$key" "$name"
      printf 'chmod 400 "$new/%s"\n' "$name"
    done
    printf 'ln -sfT "$new" /run/secrets.new\nmv -T /run/secrets.new /run/secrets\n'
  } >"$LAB_DISK/srv/install-secrets"
  chmod 755 "$LAB_DISK/srv/install-secrets"
}

# nixos_remove FROM TO: the files of the first that the second one has not.
nixos_remove() {
  local name units=$LAB_DISK/etc/systemd/system
  for name in $(nixos_without "$1" "$2"); do
    rm -f "$units/$name" "$units"/*.wants/"$name"
  done
  [[ $(nixos_of "$2" '.units | has("loopkeeper.service")') == true ]] ||
    rm -f "$LAB_DISK/etc/loopkeeper/loopkeeper.toml"
}

# nixos_without A B: the units of A that are not in B.
nixos_without() { jq --raw-output "(.$1.units | keys) - (.$2.units | keys) | .[]" "$nixos_generations"; }

# nixos_switch FROM TO: what switch-to-configuration does. Of units that are in both: nothing where they
# are the same; where only X-Reload-Triggers is another one a reload; else a restart, or a stop before
# and a start after where X-StopIfChanged is not false. Those that are new are started where a target
# wants them; those that are gone are stopped, unless X-StopOnRemoval is false. Prints what it does.
nixos_switch() {
  local name old new act=() stop=()
  for name in $(nixos_without "$1" "$2"); do
    old=$(nixos_of "$1" ".units[\"$name\"]")
    grep -qx X-StopOnRemoval=false <<<"$old" || stop+=("$name")
  done
  ((${#stop[@]} == 0)) || printf 'stop %s\n' "${stop[@]}"
  for name in $(nixos_of "$2" '.units | keys[]'); do
    [[ $(nixos_of "$1" ".units | has(\"$name\")") == true ]] || {
      if nixos_of "$2" ".wanted[\"$name\"][]" | grep -q '\.target$'; then act+=("start $name"); fi
      continue
    }
    old=$(nixos_of "$1" ".units[\"$name\"]") new=$(nixos_of "$2" ".units[\"$name\"]")
    [[ $old != "$new" && $name != *.slice ]] || continue
    if [[ $(grep -v ^X-Reload-Triggers= <<<"$old") == "$(grep -v ^X-Reload-Triggers= <<<"$new")" ]]; then
      act+=("reload $name")
    elif grep -qx X-RestartIfChanged=false <<<"$new"; then
      continue
    elif grep -qx X-StopIfChanged=false <<<"$new"; then
      act+=("restart $name")
    else
      stop+=("$name") act+=("start $name")
    fi
  done
  ((${#stop[@]} == 0)) || inside systemctl stop "${stop[@]}"
  nixos_install "$2"
  nixos_remove "$1" "$2"
  inside systemctl daemon-reload
  # What is new is started by what wants it, all at once; below each is waited for.
  inside systemctl start multi-user.target
  local what
  for what in "${act[@]}"; do
    printf '%s\n' "$what"
    # shellcheck disable=SC2086
    inside systemctl $what 2>/dev/null || printf '%s failed\n' "$what"
  done
}
