# What can be said of a worker.
{ lib }:

let
  inherit (lib) mkOption types;

  t = import ./types.nix { inherit lib; };

  # What `ready` and `alive` have in common.
  probe = {
    socks = t.key t.hostPort "127.0.0.1:1080" "A SOCKS5 server answers there.";
    tcp = t.key t.hostPort "127.0.0.1:8080" "Something accepts connections there.";
    command = t.key t.command [
      "curl"
      "--fail"
      "http://127.0.0.1:8080/"
    ] "The command exits with 0. It runs as the worker's user, in its workdir.";
  };

  every = default: t.usually (t.durationFrom 10) default "From one look to the next.";

  ready = probe // {
    every = every "500ms";
    file =
      t.key t.absolutePath "/run/builder/ready"
        "The file exists and is not from an earlier attempt.";
    output =
      t.key (t.matching "regular expression" ".+") "^listening"
        "A line of its output matches this regular expression.";
    timeout = t.usually t.duration "1m" "Not ready by then counts as a failed start.";
  };

  alive = probe // {
    every = every "30s";
    failures = t.usually (t.between 2 1000) 3 "So many bad looks in a row, and it is restarted.";
  };
in
types.submodule {
  options = {
    enable = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Without this it is as if it were not declared: a switch stops it.";
    };

    command = mkOption {
      type = types.nullOr t.command;
      default = null;
      example = [
        "./loop.sh"
        "--fast"
      ];
      description = ''
        What is run. A program without a `/` is looked up in the daemon's search path, which has
        {option}`environment.systemPackages`, and after them the packages of users that workers run as;
        one with a `/` is relative to `workdir`. A package, as in
        `[ pkgs.hello "--traditional" ]`, is its main program, and elsewhere in the list its path. A path
        of Nix, as in `[ ./loop.sh ]`, is a file of the flake. With another content of a file, or another
        version of a package, the worker is another one, and a switch restarts it. Without it, what
        starts its `agent`.
      '';
    };

    kind = mkOption {
      type = types.enum [
        "loop"
        "service"
      ];
      default = "loop";
      description = "A loop works on the plan; a service runs whatever the phase, also while the rig is paused.";
    };

    on = t.usually types.str "local" ''
      The machine on which it runs: this one, or one of {option}`services.loopkeeper.hosts`, where it is in
      tmux. Paths of one that is elsewhere are those there, and may be relative to the home directory. It has no
      agent, secrets, user, limits or alive there yet, no worktree with a repo, and of ready only output.
    '';

    user =
      t.usually types.str "who is named in `settings.defaults.systemd.User`, else root"
        "As whom it runs, one of {option}`users.users`.";

    workdir =
      t.usually t.path
        "`worktree`, else {file}`/etc/loopkeeper` or, on another host, the home directory there"
        "Where it is run.";

    worktree = mkOption {
      type = types.nullOr t.worktree;
      default = null;
      example = {
        path = "/srv/builder";
        repo = "ssh://git@git.example.org/rig.git";
        branch = "main";
      };
      description = ''
        The checkout that it works in; no two workers of one machine share one. With a `repo` it is made by git, as the
        worker's user, where it is not there, and what a killed git left behind in it is put right, before each
        start; a path alone is yours to make.
      '';
    };

    environment = mkOption {
      type = t.environment;
      default = { };
      example = {
        RUST_LOG = "info";
      };
      description = "Added to its environment.";
    };

    path = mkOption {
      type = types.listOf (types.either types.package types.str);
      default = [ ];
      example = lib.literalExpression "[ pkgs.git ]";
      description = ''
        Packages that it finds first in its {env}`PATH`. With another version of one of them the worker
        is another, and a switch restarts it; what is in {option}`environment.systemPackages`, or in
        {option}`users.users.<name>.packages` of its user, it finds without this.
      '';
    };

    launcher =
      t.usually
        (types.enum [
          "auto"
          "systemd"
          "tmux"
          "process"
        ])
        "tmux for loops, and process for services"
        "How it is started in its unit: in a terminal that people can attach to (tmux), or without one.";

    session = mkOption {
      type = types.nullOr types.bool;
      default = null;
      example = true;
      description = ''
        Whether it has a session that people can attach to: short for a `launcher` of tmux or process.
      '';
    };

    requires = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "proxy" ];
      description = "Workers that must be ready before it starts; the proxy is called proxy.";
    };

    phases = mkOption {
      type = types.nullOr (types.nonEmptyListOf t.name);
      default = null;
      example = [ "1d" ];
      description = "The phases of the plan in which it runs; all of them by default.";
    };

    onPhase = t.usually (types.enum [
      "restart"
      "keep"
    ]) "restart for loops, keep for services" "What a change of phase does to it.";

    restart = t.usually (types.enum [
      "always"
      "on-failure"
      "never"
    ]) "always" "When it is started again after it ended by itself.";

    backoff = mkOption {
      type = t.table {
        first =
          t.usually (t.durationFrom 0) "1s"
            "Before the first restart; doubled with each one in a row.";
        most = t.usually t.duration "5m" "The longest delay.";
        jitter = t.usually (t.between 0 100) 20 "Percent; moves the delay by up to so much either way.";
        healthy = t.usually t.duration "1m" "Ready for so long, and the delay begins at first again.";
      };
      default = null;
      description = "The delay before a restart.";
    };

    budget = mkOption {
      type = t.table {
        restarts = t.usually (t.between 0 1000000) 10 "Restarts that are allowed within window.";
        window = t.usually t.duration "10m" "The sliding window in which they are counted.";
        turns =
          t.key (t.between 1 1000000) 500
            "Turns of its agent in a day; then it is held until the next one.";
        time = t.key t.duration "10h" "How long it may run in a day, likewise.";
        cost = t.key types.numbers.positive 20 "Dollars that its agent may cost in a day, likewise.";
      };
      default = null;
      description = "How many restarts, before it is held until the operator releases it; and how much it may spend in a day.";
    };

    stop = mkOption {
      type = t.table {
        signal = t.usually t.signal "SIGTERM" "Asks the whole tree of its processes to end.";
        grace = t.usually (t.durationFrom 0) "10s" "After it, SIGKILL to what is left.";
      };
      default = null;
      description = "How it is stopped.";
    };

    ready = mkOption {
      type = t.table ready;
      default = null;
      example = {
        tcp = "127.0.0.1:8080";
      };
      description = "How it is known to be ready: one of socks, tcp, command, file and output. By default it is as soon as it runs.";
    };

    alive = mkOption {
      type = t.table alive;
      default = null;
      example = {
        tcp = "127.0.0.1:8080";
      };
      description = "How the watchdog knows that it is still well: one of socks, tcp and command. By default being alive is enough.";
    };

    agent = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "claude";
      description = ''
        The program in its terminal: claude, codex, aider, shell, generic, or a name of
        {option}`services.loopkeeper.agents`. Then its screen is looked at, and {command}`supervisorctl status` says
        what it does: works, waits for a word, asks, is at its usage limit, has no answer from its provider,
        or stalls.
      '';
    };

    conversation =
      t.usually
        (types.enum [
          "new"
          "kept"
          "phase"
        ])
        "kept without `command`, else new"
        ''
          Whether its agent goes on with its conversation when it is started again, after its end, a crash or a
          reboot: a new one at each start, as the command says; the same one, also over phases; the same one,
          with a new one in each phase. {command}`supervisorctl forget` lets the next start begin a new one.
        '';

    watch = mkOption {
      type = t.table {
        every = every "30s";
        slow =
          t.usually t.duration "1h"
            "Without a sign of work for so long, status says so, and one whose screen shows nothing that is known is unknown.";
        stuck = t.usually t.duration "2h" "Without a sign of work for so long, it is stalled.";
        heartbeat = mkOption {
          type = types.nullOr t.absolutePath;
          default = null;
          example = "/srv/builder/heartbeat";
          description = "A file that it touches as a sign of work.";
        };
      };
      default = null;
      example = {
        slow = "30m";
        stuck = "1h";
      };
      description = "How its agent is looked at.";
    };

    say = mkOption {
      type = t.table {
        start =
          t.key t.template "Read {{ brief }} and begin phase {{ phase }}."
            "After a start for which none of the others is there, or applies.";
        reboot =
          t.key t.template "The machine rebooted at {{ rebooted_at }}. Go on with phase {{ phase }}."
            "After the first start in a new boot, where it had run before.";
        crash =
          t.key t.template "You ended with {{ exit }}. Look at what is there, and go on."
            "After a start that follows on one that ended by itself, or was stopped as failed.";
        phase = t.key t.template "Go on with phase {{ phase }}." "When another phase began.";
      };
      default = null;
      example = {
        start = "Read {{ brief }} and begin.";
        reboot = "{{ report }}";
      };
      description = ''
        What its agent is told by itself, when it waits for a word: templates, as in loopkeeper.toml(5), which has
        what can be named in them. A set with a `file` is a template in a file.
      '';
    };

    limit = mkOption {
      type = t.table {
        wake = t.usually types.bool true "It is woken when its limit is over, by a text that is typed.";
        text =
          t.usually types.nonEmptyStr "Your usage limit is over. Go on where you stopped."
            "What is typed.";
        margin = t.usually (t.durationFrom 0) "1m" "How long after the end that its screen names.";
        again =
          t.usually (t.durationFrom 1000) "30m"
            "From one try to the next, and how long is waited where its screen names no end.";
        account = mkOption {
          type = types.nullOr (
            t.matching "name of at most 64 letters, digits, '.', '_' and '-'" "[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
          );
          default = null;
          example = "team";
          description = "Whose limit it is: workers of one account are woken one by one.";
        };
      };
      default = null;
      example = {
        account = "team";
      };
      description = "What is done when its agent has reached its usage limit.";
    };

    handoff = mkOption {
      type = t.table {
        to =
          t.key t.name "adversary"
            "Who is told of each claim, verifies it, and says pass or back: another worker with an agent.";
        rounds =
          t.usually (t.between 1 1000) 5
            "What is said to be wrong in the last of so many rounds does not go back any more: a person is asked.";
      };
      default = null;
      example = {
        to = "adversary";
      };
      description = ''
        Who verifies the gates that its agent claims with {command}`supervisorctl handoff claim`.
      '';
    };

    unstick = mkOption {
      type = t.table {
        nudge =
          t.usually types.bool true
            "It is typed to when it stalls, or has no answer from its provider.";
        text =
          t.usually types.nonEmptyStr
            "You seem to have stopped. Go on where you are; if you cannot, say what you need."
            "What is typed.";
        again =
          t.usually (t.durationFrom 1000) "15m"
            "How long after a text there may be no sign of work, before it is tried again.";
        tries = t.usually (t.between 1 100) 2 "So many texts that change nothing, and then is done.";
        idle =
          t.key (t.durationFrom 1000) "10m"
            "After so long at its input line, with the plan not over, it is given the text, too. Without it, it may wait for somebody.";
        "then" =
          t.usually
            (types.enum [
              "tell"
              "restart"
            ])
            "tell"
            "What is done about a stall at last: a person is told, or it is also stopped as failed and started again.";
      };
      default = null;
      example = {
        idle = "10m";
      };
      description = "What is done when its agent does nothing any more. By default as below for an agent with a conversation, such as claude; for others, which may take a text for a command, nothing.";
    };

    breaker = mkOption {
      type = t.table {
        rounds = t.usually (t.between 1 1000000) 5 "So many in a row, and it is held for a while.";
        again = t.usually t.duration "30m" "How long, before one is tried.";
      };
      default = null;
      example = {
        rounds = 5;
      };
      description = ''
        How many turns of its agent, or attempts that ended by themselves, may come to nothing, by the commits in
        its worktree. By default all of them.
      '';
    };

    secrets = mkOption {
      type = types.coercedTo (types.listOf types.str) (names: lib.genAttrs names (name: name)) (
        types.attrsOf types.str
      );
      default = { };
      example = [ "gitea-token" ];
      description = ''
        Names from {option}`services.loopkeeper.secrets`. It finds each as a file of that name in
        {env}`CREDENTIALS_DIRECTORY`, or of another one with `{ file = "name"; }`.
      '';
    };

    environmentFrom = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "gitea-token" ];
      description = ''
        Files of `secrets` that it finds in its environment as well: gitea-token in {env}`GITEA_TOKEN`,
        also where `settings.defaults.environment` has that. What runs as the same user can read them there.
      '';
    };

    onSecretChange =
      t.usually
        (types.either (types.enum [
          "restart"
          "ignore"
        ]) t.signal)
        "restart"
        "What happens when one of its secrets has another content: begin anew with it, nothing, or a signal.";

    limits = mkOption {
      type = types.submodule {
        options = {
          memoryMax = t.key t.memory "2G" "More memory, and it is killed alone, and its exit says oom.";
          memoryHigh = t.key t.memory "1500M" "With more memory it is slowed down.";
          cpuQuota =
            t.key (t.matching "percent of one processor, such as \"50%\" or \"200%\"" "[1-9][0-9]{0,5}%") "150%"
              "How much of the processors it may use.";
          tasksMax = t.key types.ints.positive 500 "How many processes and threads it may have.";
        };
      };
      default = { };
      description = "How much it may have.";
    };

    serviceOverrides = mkOption {
      type = t.serviceProperties;
      default = { };
      example = {
        ProtectSystem = "strict";
        ReadWritePaths = [ "/srv/builder" ];
      };
      description = ''
        What else systemd is told of its service, under systemd's own names (loopkeeper.toml(5) has the
        list); it takes the place of what follows from the other options.
      '';
    };

    keepOutput = t.usually t.size "16MiB" "How much of the file of an attempt's output is kept.";

    keepAttempts = t.usually (t.between 1 100000) "20" "How many ended attempts are kept.";
  };
}
