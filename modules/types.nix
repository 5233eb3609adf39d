# The types of what loopkeeper.toml holds, as strict as `supervisorctl check` is.
{ lib }:

let
  inherit (lib) mkOption types;

  # With the same description under every nixpkgs.
  described = description: type: type // { inherit description; };
  matching = description: pattern: described description (types.strMatching pattern);
  checked = description: check: described description (types.addCheck types.str check);

  # The milliseconds of a text such as "1h 30m"; null where it is no duration.
  milliseconds =
    text:
    let
      unit = name: "((0|[1-9][0-9]{0,7})${name})? ?";
      parts = builtins.match "${unit "h"}${unit "m"}${unit "s"}${unit "ms"}" text;
      amount =
        index:
        let
          digits = lib.elemAt parts index;
        in
        if digits == null then 0 else lib.toInt digits;
    in
    if parts == null || builtins.match "[^ ]+( [^ ]+)*" text == null then
      null
    else
      ((amount 1 * 60 + amount 3) * 60 + amount 5) * 1000 + amount 7;

  durationFrom =
    least:
    let
      year = 365 * 24 * 60 * 60 * 1000;
    in
    checked "duration such as \"30s\", \"5m\" or \"1h 30m\"" (
      text:
      let
        value = milliseconds text;
      in
      value != null && least <= value && value <= year
    );

  # What two places may not say both: neither one after the other nor one of them is what was meant.
  once =
    type:
    type
    // {
      substSubModules = modules: once (type.substSubModules modules);
      merge =
        location: definitions:
        if lib.length definitions == 1 then
          type.merge location definitions
        else
          throw "The option `${lib.showOption location}' is defined in more than one place: ${
            lib.concatMapStringsSep ", " (definition: toString definition.file) definitions
          }. Write it in one of them, or give the one that counts lib.mkForce.";
    };

  port = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
in
rec {
  inherit
    durationFrom
    matching
    milliseconds
    once
    ;

  # A duration that is not nothing.
  duration = durationFrom 1;

  between =
    least: most:
    described "whole number from ${toString least} to ${toString most}" (types.ints.between least most);

  size = matching "size of at least 64KiB, such as \"16MiB\"" "(6[4-9]|[7-9][0-9]|[1-9][0-9]{2,6})KiB|[1-9][0-9]{0,5}(MiB|GiB)";

  memory = matching "size of at least 1M, such as \"512M\" or \"2G\"" "[1-9][0-9]{0,5}[MGT]|infinity";

  # Or a file of the flake itself, which is copied into the store.
  orFile = type: types.coercedTo (types.addCheck types.path builtins.isPath) (file: "${file}") type;

  command = described "list of a program and its arguments, or string for /bin/sh -c" (
    once (
      types.either (types.addCheck (types.nonEmptyListOf (orFile types.str)) (
        words: lib.head words != ""
      )) (types.strMatching ".+")
    )
  );

  hostPort =
    let
      host = "[A-Za-z0-9._-]+|\\[([0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}]";
    in
    checked "host and port, such as \"127.0.0.1:1055\"" (
      text: builtins.match "(${host}):${port}" text != null && !lib.hasInfix ":::" text
    );

  # Of a worker or a phase.
  name = matching "name of at most 48 letters, digits, '.', '_' and '-'" "[A-Za-z0-9_][A-Za-z0-9._-]{0,47}";

  # Of a secret, as the file that a worker finds it in.
  secretName = matching "name of at most 64 letters, digits, '.', '_' and '-'" "[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}";

  signal = matching "signal such as \"SIGTERM\"" "SIG(ABRT|ALRM|CONT|HUP|INT|KILL|PIPE|QUIT|TERM|USR1|USR2|WINCH)";

  absolutePath = matching "absolute path" "/[^\n]*";

  # Where everybody can read it: in the store, or copied there when the system is built.
  inStore = path: builtins.isPath path || lib.hasPrefix builtins.storeDir (toString path);

  environment =
    described "attribute set of strings, by names of variables that are not Loopkeeper's own"
      (
        types.addCheck (types.attrsOf types.str) (
          variables:
          lib.all (
            variable:
            builtins.match "[A-Za-z_][A-Za-z0-9_]*" variable != null
            && builtins.match "LOOPKEEPER_.*|RESUME_PHASE|CREDENTIALS_DIRECTORY" variable == null
          ) (lib.attrNames variables)
        )
      );

  # Of a worker's service, under systemd's own names.
  serviceProperties = types.attrsOf (
    types.oneOf [
      types.bool
      types.int
      types.str
      (types.listOf types.str)
    ]
  );

  # A table of a worker: what is null in it, or the whole of it, is as Loopkeeper has it by default.
  table = options: types.nullOr (types.submodule { inherit options; });

  # A key of such a table.
  key =
    type: example: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit example description;
    };

  # Without what is null, at every depth, and without tables that have nothing in them.
  written =
    value:
    if lib.isList value then
      map written value
    else if lib.isAttrs value then
      lib.filterAttrs (_: inner: inner != null && inner != { }) (lib.mapAttrs (_: written) value)
    else
      value;
}
