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

  # Whom users.users declares, by the name that the system knows.
  users = lib.mapAttrsToList (
    name: user:
    {
      inherit name;
      uid = null;
    }
    // user
  ) config.users.users;

  # Where NixOS puts the packages that a user has of its own, who may be known by a number. Also where
  # there are none now: a worker is no other one because its user gets the first.
  profileOf =
    name:
    let
      numbered = lib.findFirst (user: user.uid != null && toString user.uid == toString name) {
        inherit name;
      } users;
    in
    "/etc/profiles/per-user/${toString numbered.name}";

  # Who runs what no option and no setting of its own gives a user.
  anybody = rig.defaults.systemd.User or "root";

  # [workers.NAME], under the names that loopkeeper.toml has for it.
  section =
    worker:
    t.written {
      inherit (worker)
        command
        kind
        on
        workdir
        worktree
        restart
        backoff
        budget
        stop
        ready
        alive
        agent
        conversation
        watch
        say
        limit
        handoff
        unstick
        breaker
        phases
        ;
      environment =
        lib.optionalAttrs (worker.path != [ ]) {
          PATH = lib.makeBinPath (
            [ "/run/wrappers" ]
            ++ worker.path
            ++ [
              (profileOf (worker.serviceOverrides.User or (if worker.user == null then anybody else worker.user)))
              "/run/current-system/sw"
            ]
          );
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

  declared = lib.filterAttrs (_: worker: worker.enable) cfg.workers;

  # What there is in the end: `settings` may have workers that no option has, and take the place of what
  # the options say. What it has in another form than the options, is for `supervisorctl check` to judge.
  rig = cfg.settings;
  workers = rig.workers or { };
  names = lib.attrNames workers;
  agents = lib.unique (
    [
      "claude"
      "codex"
      "aider"
      "shell"
      "generic"
    ]
    ++ lib.attrNames (rig.agents or { })
  );
  texts = value: if lib.isList value then lib.filter lib.isString value else [ ];
  requiredBy = name: texts (workers.${name}.requires or null);
  phaseIds = map (phase: phase.id or phase) (rig.plan.phases or [ ]);
  # The machine on which it runs.
  on = name: workers.${name}.on or (rig.defaults.on or "local");
  isHere = name: on name == "local";
  hosts = lib.attrNames (rig.hosts or { });
  # Written in one way, so that two that are the same can be told.
  plain =
    path:
    lib.optionalString (lib.hasPrefix "/" path) "/"
    + lib.concatStringsSep "/" (
      lib.filter (part: part != "" && part != ".") (lib.splitString "/" path)
    );
  # Where it works, by machine and path.
  checkout =
    name:
    let
      worktree = workers.${name}.worktree or null;
      path = if lib.isAttrs worktree then worktree.path or null else worktree;
    in
    if !lib.isString path then
      null
    else if isHere name then
      lib.removeSuffix "/" path
    else
      "${plain path} on ${on name}";
  placesOf =
    worker:
    let
      worktree = worker.worktree or null;
      path = if lib.isAttrs worktree then worktree.path or null else worktree;
    in
    lib.filter lib.isString [
      path
      (worker.workdir or null)
    ];
  isThere = path: t.pathThere.check path;
  program =
    worker:
    let
      command = worker.command or null;
    in
    if lib.isList command && command != [ ] then toString (lib.head command) else "";
  # What a worker on another host cannot have yet.
  refusedAfar =
    worker:
    lib.filter (key: (worker.${key} or { }) != { }) [
      "alive"
      "secrets"
      "systemd"
    ]
    ++ lib.optional (lib.isAttrs (worker.worktree or null)) "worktree.repo"
    ++ map (key: "ready.${key}") (
      lib.filter (key: (worker.ready or { }) ? ${key}) [
        "socks"
        "tcp"
        "command"
        "file"
      ]
    );
  origin =
    name:
    let
      worktree = workers.${name}.worktree or null;
    in
    if lib.isAttrs worktree then worktree else null;
  linked = name: (origin name).as or "clone" == "worktree";
  # One that is made is in no other: who works there would see it.
  inAnother =
    name:
    lib.filter (
      other:
      other != name
      && (origin name != null || origin other != null)
      && checkout name != null
      && checkout other != null
      && on name == on other
      && lib.hasPrefix "${checkout other}/" (checkout name)
    ) names;
  onSameBranch =
    name:
    lib.filter (
      other:
      other < name
      && linked name
      && linked other
      && (origin other).repo or null == (origin name).repo or null
      && (origin other).branch or null == (origin name).branch or null
    ) names;
  inSameCheckout = name: lib.filter (other: other < name && checkout other == checkout name) names;
  variable = file: lib.toUpper (lib.replaceStrings [ "." "-" ] [ "_" "_" ] file);
  verifier = name: workers.${name}.handoff.to or null;
  duration = value: if lib.isString value then t.milliseconds value else null;
  unknown = known: lib.filter (one: !lib.elem one known);
  hasOne = kinds: table: lib.length (lib.filter (kind: table ? ${kind}) kinds) == 1;

  # What the options say that is in no file, and what is of the machine.
  ofOptions =
    name: worker:
    let
      at = "services.loopkeeper.workers.${name}";
      final = workers.${name};
      unknownSecrets = lib.filter (
        file: !cfg.secrets ? ${worker.secrets.${file}} && !(final.secrets or { }) ? ${file}
      ) (lib.attrNames worker.secrets);
    in
    [
      {
        assertion = unknownSecrets == [ ];
        message = "${at}.secrets names what is not declared: ${
          toString (map (file: worker.secrets.${file}) unknownSecrets)
        }. Declare services.loopkeeper.secrets.<name>.";
      }
      {
        assertion = worker.path == [ ] || !worker.environment ? PATH;
        message = "${at}.path makes the PATH that is in its environment too. Set one of the two.";
      }
      {
        assertion = !isHere name || lib.all (lib.hasPrefix "/") (placesOf worker);
        message = "${at}: workdir and worktree of a worker of this machine are absolute paths.";
      }
      {
        assertion = worker.path == [ ] || isHere name;
        message = "${at}.path has packages of this machine, and it runs on ${on name}. Leave it out, and set PATH in services.loopkeeper.hosts.${on name}.environment.";
      }
      {
        assertion = worker.session == null || worker.launcher == null;
        message = "${at}: session is short for a launcher. Set one of the two.";
      }
      {
        # systemd takes the number of a user as well.
        assertion =
          worker.user == null
          || (final.systemd.User or null) != worker.user
          || builtins.match "[0-9]+" worker.user != null
          || lib.any (user: user.name == worker.user) users;
        message = "${at}.user ${toString worker.user} is not declared. Declare users.users.${toString worker.user}.";
      }
    ];

  ofRig =
    name: worker:
    let
      at = "services.loopkeeper.${
        lib.optionalString (!cfg.workers ? ${name}) "settings."
      }workers.${name}";
      unknownWorkers = unknown (names ++ lib.optional (rig ? proxy) "proxy") (requiredBy name);
      switchedOff = lib.filter (other: cfg.workers ? ${other}) unknownWorkers;
      unknownPhases = unknown phaseIds (texts (worker.phases or null));
      files = lib.attrNames (worker.secrets or { });
      badFiles = lib.filter (file: !t.secretName.check file) files;
      environmentFrom = texts (worker.environment_from or null);
      unknownFiles = unknown files environmentFrom;
      variables = map variable (lib.unique environmentFrom);
      first = duration (worker.backoff.first or null);
      most = duration (worker.backoff.most or null);
      whenNull = default: value: if value == null then default else value;
      every = whenNull (duration "30s") (duration (worker.watch.every or null));
      slow = duration (worker.watch.slow or null);
      stuck = duration (worker.watch.stuck or null);
      # Who says one of them has the other one half or twice as long.
      slowest = whenNull (if stuck == null then duration "1h" else stuck / 2) slow;
      launcher = worker.launcher or (rig.defaults.launcher or "auto");
    in
    [
      {
        assertion = t.name.check name && name != "proxy" && name != "watchdog";
        message = "${at}: not a worker's name. It is at most 48 letters, digits, '.', '_' and '-', does not begin with '.' or '-', and is neither proxy nor watchdog.";
      }
      {
        assertion = unknownWorkers == [ ];
        message =
          if unknownWorkers == [ "proxy" ] then
            "${at}.requires names the proxy, and there is none: set services.loopkeeper.proxy.enable."
          else if switchedOff != [ ] then
            "${at}.requires names workers that are switched off: ${toString switchedOff}. Set enable of them, or leave them out."
          else
            "${at}.requires names workers that are not declared: ${toString unknownWorkers}. There are: ${toString names}.";
      }
      {
        assertion = isHere name || lib.elem (on name) hosts;
        message = "${at}.on is ${on name}, and there are: ${
          toString ([ "local" ] ++ hosts)
        }. Declare services.loopkeeper.hosts.${on name}.";
      }
      {
        assertion = isHere name || refusedAfar worker == [ ];
        message = "${at} runs on ${on name}, and has what a worker on another host cannot have yet: ${toString (refusedAfar worker)}. Leave it out, or set on to local.";
      }
      {
        assertion =
          isHere name
          || !lib.elem (worker.launcher or null) [
            "process"
            "systemd"
          ];
        message = "${at} runs on ${on name}, where it is in tmux. Leave launcher and session out.";
      }
      {
        assertion = isHere name || lib.all isThere (placesOf worker);
        message = "${at} runs on ${on name}: its workdir and worktree are absolute paths there, or relative to the home directory there, without ~ and without ..";
      }
      {
        assertion = isHere name || !lib.hasPrefix "~/" (program worker);
        message = "${at} runs on ${on name}, and what ~ is there is not known here. Write a command that is a string, which a shell there runs.";
      }
      {
        assertion = unknownPhases == [ ];
        message = "${at}.phases names phases that are not in the plan: ${toString unknownPhases}. There are: ${toString phaseIds}.";
      }
      {
        assertion = badFiles == [ ];
        message = "${at}.secrets: not names of files: ${toString badFiles}. One is at most 64 letters, digits, '.', '_' and '-'; write { file = \"name\"; }.";
      }
      {
        assertion = unknownFiles == [ ];
        message = "${at}.environmentFrom names what is not in its secrets: ${toString unknownFiles}.";
      }
      {
        assertion =
          lib.unique variables == variables
          && lib.all (
            variable: t.environment.check { ${variable} = ""; } && !(worker.environment or { }) ? ${variable}
          ) variables;
        message = "${at}.environmentFrom makes variables that are there twice, in its environment as well, reserved or not valid: ${toString variables}. Call the file in its secrets what the variable is to be called.";
      }
      {
        assertion = checkout name == null || inSameCheckout name == [ ];
        message = "${at}.worktree ${toString (checkout name)} is that of ${toString (inSameCheckout name)} as well. Two loops in one checkout spoil each other's work: give each a clone of its own.";
      }
      {
        assertion = inAnother name == [ ];
        message = "${at}.worktree ${toString (checkout name)} is inside of that of ${toString (inAnother name)}, who would see what is in it. Give it a place of its own.";
      }
      {
        assertion = !linked name || (origin name).branch or null != null;
        message = "${at}.worktree is a worktree of its repository, without a branch. Set its branch, which no other worktree has.";
      }
      {
        assertion = onSameBranch name == [ ];
        message = "${at}.worktree has the branch of that of ${toString (onSameBranch name)}. git checks out a branch in one worktree only: give each a branch of its own, or make clones.";
      }
      {
        assertion = first == null || most == null || first <= most;
        message = "${at}.backoff: first is longer than most.";
      }
      {
        assertion =
          !worker ? agent || launcher == "tmux" || (launcher == "auto" && (worker.kind or "loop") == "loop");
        message = "${at}.agent needs a terminal, and this worker has none. Set its launcher to tmux, or session to true.";
      }
      {
        assertion = !worker ? agent || lib.elem worker.agent agents;
        message = "${at}.agent is ${toString worker.agent}, and there are: ${toString agents}. Declare services.loopkeeper.agents.${toString worker.agent}.";
      }
      {
        assertion = worker ? command || worker ? agent;
        message = "${at} has neither a command nor an agent that could be started.";
      }
      {
        assertion = worker.conversation or "new" == "new" || worker ? agent;
        message = "${at}.conversation is without agent, so nobody has one. Set agent to claude, or to what runs in its terminal.";
      }
      {
        assertion = !worker ? watch || worker ? agent;
        message = "${at}.watch is without agent, so nobody looks. Set agent to generic for a program that is none of the others.";
      }
      {
        assertion = !worker ? say || worker ? agent;
        message = "${at}.say is without agent, so nobody could be told. Set agent to generic for a program that is none of the others.";
      }
      {
        assertion = !(worker ? say.phase) || phaseIds != [ ];
        message = "${at}.say.phase is for a change of phase, and the plan has no phases.";
      }
      {
        assertion = !worker ? limit || worker ? agent;
        message = "${at}.limit is without agent, so nobody sees a limit. Set agent to generic for a program that is none of the others.";
      }
      {
        assertion = !worker ? handoff || worker ? agent;
        message = "${at}.handoff is without agent, so nobody can tell it what came of a gate. Set agent to generic for a program that is none of the others.";
      }
      {
        assertion =
          verifier name == null
          || verifier name != name && workers ? ${verifier name} && workers.${verifier name} ? agent;
        message = "${at}.handoff.to is ${toString (verifier name)}, and has to be another worker with an agent.";
      }
      {
        assertion = !worker ? unstick || worker ? agent;
        message = "${at}.unstick is without agent, so nobody sees that it stalls. Set agent to generic for a program that is none of the others.";
      }
      {
        assertion = !worker ? breaker || worker ? agent;
        message = "${at}.breaker is without agent, so nobody sees its rounds. Set agent to generic for a program that is none of the others.";
      }
      {
        assertion = slow == null || stuck == null || slow < stuck;
        message = "${at}.watch: slow is not shorter than stuck.";
      }
      {
        assertion = !worker ? watch || every < slowest;
        message = "${at}.watch: every is not shorter than slow.";
      }
      {
        assertion =
          !worker ? ready
          || hasOne [
            "socks"
            "tcp"
            "command"
            "file"
            "output"
          ] worker.ready;
        message = "${at}.ready has to have exactly one of socks, tcp, command, file and output.";
      }
      {
        assertion =
          !worker ? alive
          || hasOne [
            "socks"
            "tcp"
            "command"
          ] worker.alive;
        message = "${at}.alive has to have exactly one of socks, tcp and command.";
      }
    ];

  # Who requires itself is no circle to toposort.
  order = lib.toposort (one: other: lib.elem one (requiredBy other)) names;
  circle = lib.filter (name: lib.elem name (requiredBy name)) names ++ order.cycle or [ ];
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
      _: worker: t.overridable (section worker)
    ) declared;

    # Programs are looked up by the daemon, and workers have its PATH.
    systemd.services.loopkeeper.path = lib.mkOrder 1200 (
      lib.unique (
        map profileOf (
          map (worker: worker.systemd.User or anybody) (lib.attrValues workers)
          ++ lib.optional (rig ? proxy.systemd.User) rig.proxy.systemd.User
        )
      )
    );

    assertions =
      lib.concatLists (lib.mapAttrsToList ofOptions declared ++ lib.mapAttrsToList ofRig workers)
      ++ [
        {
          assertion = names != [ ] || rig ? proxy;
          message = "services.loopkeeper has nothing to keep running: declare a worker, or enable the proxy.";
        }
        {
          assertion = circle == [ ];
          message = "services.loopkeeper.workers: a circle of requirements: ${toString circle}.";
        }
      ];
  };
}
