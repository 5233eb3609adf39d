# Of workers, and of the plan that they work on.
let
  worker = attributes: {
    services.loopkeeper.workers.builder = attributes;
  };
in
{
  nothing-to-run = {
    module =
      { lib, ... }:
      {
        services.loopkeeper.workers = lib.mkForce { };
        services.loopkeeper.proxy.enable = lib.mkForce false;
      };
    says = "nothing to keep running";
  };
  reserved-name = {
    module.services.loopkeeper.workers.watchdog.command = "true";
    says = "not a worker's name";
  };
  name-with-a-space = {
    module.services.loopkeeper.workers."a b".command = "true";
    says = "not a worker's name";
  };
  name-that-begins-with-a-sign = {
    module.services.loopkeeper.workers."-a".command = "true";
    says = "does not begin with '.' or '-'";
  };
  unit-of-a-worker = {
    module.systemd.services.loopkeeper-builder.serviceConfig.LogRateLimitBurst = 50000;
    says = "a switch would stop that for good";
  };
  unit-of-a-worker-as-a-service = {
    module.systemd.services.loopkeeper-builder = {
      overrideStrategy = "asDropin";
      serviceConfig.LogRateLimitBurst = 50000;
    };
    says = "services.loopkeeper.workers.builder.serviceOverrides";
  };
  unit-of-the-proxy = {
    module.systemd.units."loopkeeper-proxy.service".text = "[Service]";
    says = "services.loopkeeper.proxy.serviceOverrides";
  };
  dependency-that-is-switched-off = {
    module.services.loopkeeper.workers = {
      builder.requires = [ "adversary" ];
      adversary.enable = false;
    };
    says = "workers that are switched off: adversary. Set enable";
  };
  unknown-dependency = {
    module = worker { requires = [ "revewer" ]; };
    says = "not declared: revewer. There are: adversary builder";
  };
  proxy-that-is-not-there = {
    module =
      { lib, ... }:
      {
        services.loopkeeper.proxy.enable = lib.mkForce false;
        services.loopkeeper.workers.builder.requires = [ "proxy" ];
      };
    says = "set services.loopkeeper.proxy.enable";
  };
  circle = {
    module.services.loopkeeper.workers = {
      builder.requires = [ "adversary" ];
      adversary.requires = [ "builder" ];
    };
    says = "a circle of requirements";
  };
  itself = {
    module = worker { requires = [ "builder" ]; };
    says = "a circle of requirements";
  };
  worktree-twice = {
    module.services.loopkeeper.workers.reviewer = {
      command = "true";
      worktree = "/srv/builder/";
    };
    says = "is that of builder as well";
  };
  worktree-in-another = {
    module.services.loopkeeper.workers.reviewer = {
      command = "true";
      worktree = {
        path = "/srv/builder/review";
        repo = "/srv/rig.git";
      };
    };
    says = "is inside of that of builder";
  };
  worktree-without-a-branch = {
    module.services.loopkeeper.workers.reviewer = {
      command = "true";
      worktree = {
        path = "/srv/reviewer";
        repo = "/srv/rig.git";
        as = "worktree";
      };
    };
    says = "without a branch";
  };
  branch-twice = {
    module.services.loopkeeper.workers =
      let
        on-main = path: {
          command = "true";
          worktree = {
            inherit path;
            repo = "/srv/rig.git";
            branch = "main";
            as = "worktree";
          };
        };
      in
      {
        one = on-main "/srv/one";
        two = on-main "/srv/two";
      };
    says = "has the branch of that of one";
  };
  unknown-phase = {
    module = worker { phases = [ "1e" ]; };
    says = "not in the plan: 1e. There are: 1d";
  };
  phase-twice = {
    module.services.loopkeeper.plan.phases = [
      "1d"
      "1d"
    ];
    says = "an id is there twice";
  };
  phase-with-two-ends = {
    module.services.loopkeeper.plan.phases = [
      {
        id = "1e";
        until = {
          file = "/a";
          command = "true";
        };
      }
    ];
    says = "`until` of phase 1e has to have either";
  };
  phase-with-half-an-end = {
    module.services.loopkeeper.plan.phases = [
      {
        id = "1e";
        until.line = "done";
      }
    ];
    says = "`until` of phase 1e has to have either";
  };
  unknown-secret = {
    module = worker { secrets = [ "tokn" ]; };
    says = "Declare services.loopkeeper.secrets.<name>";
  };
  variable-of-no-secret = {
    module = worker { environmentFrom = [ "token" ]; };
    says = "environmentFrom names what is not in its secrets: token";
  };
  variable-twice = {
    module = worker {
      secrets = [ "token" ];
      environmentFrom = [ "token" ];
      environment.TOKEN = "x";
    };
    says = "in its environment as well, reserved or not valid: TOKEN";
  };
  variable-that-settings-have = {
    module.imports = [
      (worker {
        secrets = [ "token" ];
        environmentFrom = [ "token" ];
      })
      { services.loopkeeper.settings.workers.builder.environment.TOKEN = "x"; }
    ];
    says = "in its environment as well, reserved or not valid: TOKEN";
  };
  session-and-launcher = {
    module = worker {
      session = true;
      launcher = "process";
    };
    says = "session is short for a launcher";
  };
  unknown-user = {
    module = worker { user = "nobody-of-this-name"; };
    says = "Declare users.users.nobody-of-this-name";
  };
  agent-without-terminal = {
    module = worker {
      agent = "claude";
      session = false;
    };
    says = "agent needs a terminal";
  };
  agent-that-nobody-knows = {
    module = worker { agent = "mytool"; };
    says = "workers.builder.agent is mytool, and there are: claude codex aider shell generic";
  };
  neither-command-nor-agent = {
    module.services.loopkeeper.workers.idle.restart = "never";
    says = "has neither a command nor an agent";
  };
  conversation-without-agent = {
    module = worker { conversation = "kept"; };
    says = "conversation is without agent";
  };
  watch-without-agent = {
    module = worker { watch.slow = "5m"; };
    says = "watch is without agent";
  };
  handoff-without-agent = {
    module.services.loopkeeper.workers = {
      builder.handoff.to = "adversary";
      adversary.agent = "generic";
    };
    says = "handoff is without agent";
  };
  handoff-to-itself = {
    module = worker {
      agent = "generic";
      handoff.to = "builder";
    };
    says = "handoff.to is builder, and has to be another worker with an agent";
  };
  handoff-to-nobody = {
    module = worker {
      agent = "generic";
      handoff.to = "nobody";
    };
    says = "handoff.to is nobody";
  };
  unstick-without-agent = {
    module = worker { unstick.tries = 3; };
    says = "unstick is without agent";
  };
  breaker-without-agent = {
    module = worker { breaker.rounds = 3; };
    says = "breaker is without agent";
  };
  stuck-before-slow = {
    module = worker {
      agent = "generic";
      watch.slow = "2m";
      watch.stuck = "90s";
    };
    says = "slow is not shorter than stuck";
  };
  looks-too-seldom = {
    module = worker {
      agent = "generic";
      watch.every = "2m";
      watch.slow = "90s";
    };
    says = "every is not shorter than slow";
  };
  backoff-backwards = {
    module = worker {
      backoff.first = "2m";
      backoff.most = "90s";
    };
    says = "first is longer than most";
  };
  ready-by-nothing = {
    module = worker { ready.every = "1s"; };
    says = "ready has to have exactly one";
  };
  alive-by-two = {
    module = worker {
      alive = {
        tcp = "127.0.0.1:1";
        socks = "127.0.0.1:1";
      };
    };
    says = "alive has to have exactly one";
  };
  secret-in-a-file-with-a-bad-name = {
    module = worker { secrets."gitea/token" = "token"; };
    says = "secrets: not names of files: gitea/token";
  };
  path-twice = {
    module =
      { pkgs, ... }:
      worker {
        path = [ pkgs.git ];
        environment.PATH = "/srv/bin";
      };
    says = "path makes the PATH that is in its environment too";
  };
  # What settings have takes the place of what an option says.
  worktree-that-settings-share = {
    module.services.loopkeeper.settings.workers.builder.worktree = "/srv/adversary";
    says = "is that of adversary as well";
  };
  circle-that-settings-close = {
    module.services.loopkeeper = {
      workers.builder.requires = [ "adversary" ];
      settings.workers.adversary.requires = [ "builder" ];
    };
    says = "a circle of requirements";
  };
  worker-of-settings-alone = {
    module.services.loopkeeper.settings.workers.reviewer = {
      command = "true";
      phases = [ "2" ];
    };
    says = "services.loopkeeper.settings.workers.reviewer.phases names phases that are not in the plan: 2";
  };
  plan-of-settings-with-half-an-end = {
    module.services.loopkeeper.settings.plan.phases = [
      {
        id = "1d";
        until.line = "done";
      }
    ];
    says = "`until` of phase 1d has to have either";
  };
}
