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

  # A type whose definitions become a value in a way of its own.
  merging =
    merge: type:
    type
    // {
      substSubModules = modules: merging merge (type.substSubModules modules);
      merge = merge type;
    };

  # What two places may not say both: neither one after the other nor one of them is what was meant.
  once = merging (
    type: location: definitions:
    if lib.length definitions == 1 then
      type.merge location definitions
    else
      throw "The option `${lib.showOption location}' is defined in more than one place: ${
        lib.concatMapStringsSep ", " (definition: toString definition.file) definitions
      }. Write it in one of them, or give the one that counts lib.mkForce."
  );

  # A package, or a file of the flake itself, which is copied into the store.
  inNix = types.addCheck types.path (value: builtins.isPath value || lib.isDerivation value);

  # A package that is run is its main program; of what has none, such as a script of
  # writeShellScript, itself. Elsewhere it is where it lies.
  inWords = merging (
    type: location: definitions:
    let
      command = type.merge location definitions;
      words = lib.toList command;
      program = lib.head words;
    in
    if lib.isString command then
      command
    else
      [ (if program ? meta.mainProgram then lib.getExe program else "${program}") ]
      ++ map (word: "${word}") (lib.tail words)
  );

  octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  dotted = "(${octet}[.]){3}${octet}";

  # Groups of hexadecimal digits, of which "::" stands for one or more; the last two may be an address
  # of IPv4.
  isIpv6 =
    text:
    let
      mapped = builtins.match "(.*:)${dotted}" text;
      halves = lib.splitString "::" (if mapped == null then text else "${lib.head mapped}0:0");
      groups = lib.concatMap (half: lib.optionals (half != "") (lib.splitString ":" half)) halves;
      count = lib.length groups;
    in
    lib.all (group: builtins.match "[0-9a-fA-F]{1,4}" group != null) groups
    && (if lib.length halves == 1 then count == 8 else lib.length halves == 2 && count <= 7);

  port = "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
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

  size = matching "size of at least 64KiB, such as \"16MiB\"" "(6[4-9]|[7-9][0-9]|[1-9][0-9]{2,11})KiB|[1-9][0-9]{0,8}(MiB|GiB)";

  memory = matching "size of at least 1M, such as \"512M\" or \"2G\"" "[1-9][0-9]{0,5}[MGT]|infinity";

  # Or a file of the flake itself, which is copied into the store.
  orFile = type: types.coercedTo (types.addCheck types.path builtins.isPath) (file: "${file}") type;

  command =
    described
      "list of a program and its arguments, of which each may be a package or a file, or one of these alone, or string for /bin/sh -c"
      (
        once (
          inWords (
            types.oneOf [
              (types.addCheck (types.nonEmptyListOf (types.either types.str inNix)) (words: lib.head words != ""))
              (types.strMatching ".+")
              inNix
            ]
          )
        )
      );

  # What an agent is told: a text with places to be filled in, or the file with one.
  template = described "template, or attribute set with the file of one" (
    types.either (types.strMatching "(.|\n)+") (
      types.submodule {
        options.file = mkOption {
          type = orFile absolutePath;
          example = "/srv/plan/brief.txt";
          description = "A file with the template, read when the configuration is.";
        };
      }
    )
  );

  hostPort = checked "host and port, such as \"127.0.0.1:1055\"" (
    text:
    let
      parts = builtins.match "([A-Za-z0-9._-]+|\\[([^]]*)]):${port}" text;
      address = lib.elemAt parts 1;
    in
    parts != null && (address == null || isIpv6 address)
  );

  address = checked "address of IPv4 or IPv6" (
    text: builtins.match dotted text != null || isIpv6 text
  );

  # Of a worker or a phase.
  name = matching "name of at most 48 letters, digits, '.', '_' and '-'" "[A-Za-z0-9_][A-Za-z0-9._-]{0,47}";

  # Of a secret, as the file that a worker finds it in.
  secretName = matching "name of at most 64 letters, digits, '.', '_' and '-'" "[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}";

  # By its name or number; those for programs of real time by how far they are from the first.
  signal = checked "signal such as \"SIGTERM\"" (
    text:
    builtins.match "(SIG)?(${
      lib.concatStringsSep "|" [
        "ABRT|ALRM|BUS|CHLD|CONT|FPE|HUP|ILL|INT|IO|KILL|PIPE|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP"
        "TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ"
        "RTMIN([+]0*([0-9]|[12][0-9]|30))?"
        "0*([1-9]|[1-5][0-9]|6[0-4])"
      ]
    })" (lib.toUpper text) != null
  );

  absolutePath = matching "absolute path" "/[^\n]*";

  # On another machine: absolute, or relative to the home directory there.
  pathThere = checked "absolute path, or one that is relative to the home directory" (
    text:
    builtins.match "[^~[:cntrl:]][^[:cntrl:]]*" text != null
    && !lib.elem ".." (lib.splitString "/" text)
  );

  # Of a worker, wherever that is; one of this machine is judged with its worker.
  path = described "absolute path or, on another host, one that is relative to the home directory" (
    types.either absolutePath pathThere
  );

  # Whom ssh connects to.
  sshDestination = checked "destination of ssh, such as \"me@build.example.org:22\"" (
    text:
    let
      parts = builtins.match "(ssh://)?([A-Za-z0-9_.][A-Za-z0-9_.@+=,-]*@)?([A-Za-z0-9_.][A-Za-z0-9._-]*|\\[([^]%]*)(%[A-Za-z0-9._-]+)?])(:${port})?" text;
      address = lib.elemAt parts 3;
    in
    parts != null && (address == null || isIpv6 address)
  );

  # A checkout: its path, or from where it is made as well.
  worktree =
    let
      made = types.submodule {
        options = {
          path = mkOption {
            type = path;
            example = "/srv/builder";
            description = "Where it is. Its user has to be able to write to the directory above.";
          };
          repo = mkOption {
            type = repository;
            example = "ssh://git@git.example.org/rig.git";
            description = "From where it is made: a URL or a path that git clone takes.";
          };
          branch =
            key (matching "name of a branch" "[A-Za-z0-9_][A-Za-z0-9._/@+#=-]*") "main"
              "What is checked out when it is made; by default what the repository has checked out.";
          as =
            usually
              (types.enum [
                "clone"
                "worktree"
              ])
              "clone"
              "A clone of its own, or one more worktree of a repository on this machine, on a branch of its own.";
        };
      };
    in
    described "path, or attribute set with a path and a repository" (types.either path made)
    # Of one of two types, nobody would document the options.
    // {
      inherit (made) getSubOptions;
    };

  # What begins with - is an option of git, and what has such a transport is a program that is run.
  repository = checked "URL or path that git clone takes" (
    text: text != "" && !lib.hasPrefix "-" text && builtins.match "[A-Za-z0-9]+::.*" text == null
  );

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

  # Of which Loopkeeper itself has a default.
  usually =
    type: default: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      description = "${description} By default: ${
        if lib.isBool default then lib.boolToString default else toString default
      }.";
    };

  # By somebody, who may have said the default.
  isSaid = option: option.highestPrio < (lib.mkOptionDefault null).priority;

  # As a definition of which each key by itself gives way to what else says it.
  overridable =
    value: if lib.isAttrs value then lib.mapAttrs (_: overridable) value else lib.mkDefault value;

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
