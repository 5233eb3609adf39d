# The workers. They are no services of NixOS: the daemon starts them, each as a transient unit
# loopkeeper-NAME.service, and a switch that does not change how a worker is declared leaves it alone.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.loopkeeper;
  t = import ./types.nix { inherit lib; };

  # [workers.NAME], under the names that loopkeeper.toml has for it.
  section =
    worker:
    t.written {
      inherit (worker)
        command
        kind
        workdir
        worktree
        restart
        backoff
        budget
        stop
        ready
        alive
        phases
        ;
      environment =
        lib.optionalAttrs (worker.path != [ ]) {
          PATH = lib.makeBinPath ([ "/run/wrappers" ] ++ worker.path ++ [ "/run/current-system/sw" ]);
        }
        // worker.environment;
      launcher =
        if worker.session == null then
          worker.launcher
        else if worker.session then
          "tmux"
        else
          "process";
      requires = if worker.requires == [ ] then null else worker.requires;
      on_phase = worker.onPhase;
      secrets = lib.mapAttrs (_: name: cfg.secrets.${name}.path or null) worker.secrets;
      environment_from = if worker.environmentFrom == [ ] then null else worker.environmentFrom;
      on_secret_change = worker.onSecretChange;
      keep_output = worker.keepOutput;
      keep_attempts = worker.keepAttempts;
      systemd = {
        User = worker.user;
        MemoryMax = worker.limits.memoryMax;
        MemoryHigh = worker.limits.memoryHigh;
        CPUQuota = worker.limits.cpuQuota;
        TasksMax = worker.limits.tasksMax;
      }
      // worker.serviceOverrides;
    };

  # Each key by itself gives way to `settings`.
  overridable =
    value: if lib.isAttrs value then lib.mapAttrs (_: overridable) value else lib.mkDefault value;

  workers = lib.filterAttrs (_: worker: worker.enable) cfg.workers;
  names = lib.attrNames workers;
  # What there is, also in `settings` alone.
  rig = cfg.settings;
  workerNames = lib.attrNames (rig.workers or { });
  phaseIds = map (phase: phase.id or phase) (rig.plan.phases or [ ]);
  checkout = worker: lib.removeSuffix "/" worker.worktree;
  inSameCheckout =
    name: worker:
    lib.filter (
      other:
      other < name && workers.${other}.worktree != null && checkout workers.${other} == checkout worker
    ) names;
  variable = file: lib.toUpper (lib.replaceStrings [ "." "-" ] [ "_" "_" ] file);
  probes = lib.filter (probe: probe != null);

  assertionsOf =
    name: worker:
    let
      at = "services.loopkeeper.workers.${name}";
      unknown = known: lib.filter (one: !lib.elem one known);
      unknownWorkers = unknown (workerNames ++ lib.optional (rig ? proxy) "proxy") worker.requires;
      unknownPhases = unknown phaseIds (if worker.phases == null then [ ] else worker.phases);
      unknownSecrets = unknown (lib.attrNames cfg.secrets) (lib.attrValues worker.secrets);
      badFiles = lib.filter (file: !t.secretName.check file) (lib.attrNames worker.secrets);
      unknownFiles = unknown (lib.attrNames worker.secrets) worker.environmentFrom;
      variables = map variable worker.environmentFrom;
    in
    [
      {
        assertion = t.name.check name && name != "proxy" && name != "watchdog";
        message = "${at}: not a worker's name. It is at most 48 letters, digits, '.', '_' and '-', and neither proxy nor watchdog.";
      }
      {
        assertion = unknownWorkers == [ ];
        message =
          if unknownWorkers == [ "proxy" ] then
            "${at}.requires names the proxy, and there is none: set services.loopkeeper.proxy.enable."
          else
            "${at}.requires names workers that are not declared: ${toString unknownWorkers}. There are: ${toString workerNames}.";
      }
      {
        assertion = unknownPhases == [ ];
        message = "${at}.phases names phases that are not in the plan: ${toString unknownPhases}. There are: ${toString phaseIds}.";
      }
      {
        assertion = unknownSecrets == [ ];
        message = "${at}.secrets names what is not declared: ${toString unknownSecrets}. Declare services.loopkeeper.secrets.<name>.";
      }
      {
        assertion = badFiles == [ ];
        message = "${at}.secrets: not names of files: ${toString badFiles}. One is at most 64 letters, digits, '.', '_' and '-'; write { file = \"name\"; }.";
      }
      {
        assertion = worker.path == [ ] || !worker.environment ? PATH;
        message = "${at}.path makes the PATH that is in its environment too. Set one of the two.";
      }
      {
        assertion = unknownFiles == [ ];
        message = "${at}.environmentFrom names what is not in its secrets: ${toString unknownFiles}.";
      }
      {
        assertion =
          lib.unique variables == variables
          && lib.all (
            variable: t.environment.check { ${variable} = ""; } && !worker.environment ? ${variable}
          ) variables;
        message = "${at}.environmentFrom makes variables that are there twice, reserved or not valid: ${toString variables}. Call the file in its secrets what the variable is to be called.";
      }
      {
        assertion = worker.worktree == null || inSameCheckout name worker == [ ];
        message = "${at}.worktree ${toString worker.worktree} is that of ${toString (inSameCheckout name worker)} as well. Two loops in one checkout spoil each other's work: give each a clone of its own.";
      }
      {
        assertion = worker.session == null || worker.launcher == null;
        message = "${at}: session is short for a launcher. Set one of the two.";
      }
      {
        assertion = worker.user == null || config.users.users ? ${worker.user};
        message = "${at}.user ${toString worker.user} is not declared. Declare users.users.${toString worker.user}.";
      }
      {
        assertion =
          worker.backoff == null
          || worker.backoff.first == null
          || worker.backoff.most == null
          || t.milliseconds worker.backoff.first <= t.milliseconds worker.backoff.most;
        message = "${at}.backoff: first is longer than most.";
      }
      {
        assertion =
          worker.ready == null
          ||
            lib.length (probes [
              worker.ready.socks
              worker.ready.tcp
              worker.ready.command
              worker.ready.file
              worker.ready.output
            ]) == 1;
        message = "${at}.ready has to have exactly one of socks, tcp, command, file and output.";
      }
      {
        assertion =
          worker.alive == null
          ||
            lib.length (probes [
              worker.alive.socks
              worker.alive.tcp
              worker.alive.command
            ]) == 1;
        message = "${at}.alive has to have exactly one of socks, tcp and command.";
      }
    ];

  # Who requires itself is no circle to toposort.
  order = lib.toposort (one: other: lib.elem one workers.${other}.requires) names;
  circle = lib.filter (name: lib.elem name workers.${name}.requires) names ++ order.cycle or [ ];
in
{
  options.services.loopkeeper.workers = mkOption {
    type = types.attrsOf (import ./worker.nix { inherit lib; });
    default = { };
    example = lib.literalExpression ''
      {
        builder = {
          command = [ "./loop.sh" ];
          user = "builder";
          worktree = "/srv/builder";
          requires = [ "proxy" ];
          secrets = [ "gitea-token" ];
          limits.memoryMax = "1G";
        };
      }
    '';
    description = "The programs that are kept running.";
  };

  config = lib.mkIf cfg.enable {
    services.loopkeeper.settings.workers = lib.mapAttrs (
      _: worker: overridable (section worker)
    ) workers;

    assertions = lib.concatLists (lib.mapAttrsToList assertionsOf workers) ++ [
      {
        assertion = workerNames != [ ] || rig ? proxy;
        message = "services.loopkeeper has nothing to keep running: declare a worker, or enable the proxy.";
      }
      {
        assertion = circle == [ ];
        message = "services.loopkeeper.workers: a circle of requirements: ${toString circle}.";
      }
    ];
  };
}
