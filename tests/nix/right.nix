# Modules with which nothing is wrong, however it looks: added to the good example of bad.nix, no assertion
# fails, and `supervisorctl check` takes what comes of them.
{
  rig-in-settings =
    { lib, ... }:
    {
      services.loopkeeper = {
        workers = lib.mkForce { };
        plan.phases = lib.mkForce [ ];
        settings = {
          proxy.kind = "builtin";
          plan.phases = [
            { id = "1e"; }
            { id = "2"; }
          ];
          workers.reviewer.command = "true";
        };
        # It may name what is there alone.
        ssh.hosts.ci.hostKeys = [ "ssh-ed25519 AAAA of the host" ];
      };
    };
  worker-with-what-settings-have.services.loopkeeper = {
    workers.builder = {
      requires = [ "reviewer" ];
      phases = [ "2" ];
    };
    settings = {
      plan.phases = [ { id = "2"; } ];
      workers.reviewer.command = "true";
    };
  };
  tailscale-with-a-key-in-settings = {
    services.loopkeeper = {
      proxy.kind = "tailscale";
      settings.proxy.auth_key = "/etc/tailscale-key";
    };
  };
  tailscale-that-is-logged-in-already.services.loopkeeper.proxy = {
    kind = "tailscale";
    tailscale.authKey = null;
  };
  setting-of-one-that-is-switched-off.services.loopkeeper = {
    workers.reviewer = {
      enable = false;
      command = "true";
    };
    settings.workers.reviewer.keep_attempts = 50;
  };
  unit-with-more-for-a-worker.systemd.units."loopkeeper-builder.service" = {
    overrideStrategy = "asDropin";
    text = "[Service]\nLogRateLimitBurst=50000\n";
  };
  unit-with-the-name-of-no-worker.systemd.services.loopkeeper-backup.script = "true";
  workers-on-other-hosts.services.loopkeeper = {
    hosts = {
      attic = {
        ssh = "ssh://op@attic.example.org:22";
        sshConfig = "/etc/ssh/other";
        identity = "/run/secrets/attic";
        path = "/var/lib/loops";
        environment.PATH = "/opt/bin:/usr/bin:/bin";
        proxy = true;
      };
      pi.ssh = "[fe80::1%eth0]:22";
    };
    settings = {
      hosts.other.ssh = "other";
      defaults.systemd.MemoryMax = "1G";
    };
    workers = {
      # What is here, and there, is not the same.
      one = {
        command = [ "./loop.sh" ];
        on = "attic";
        worktree = "/srv/builder";
        ready.output = "^listening";
      };
      two = {
        command = "true";
        kind = "service";
        on = "pi";
        workdir = "work/two";
        worktree = "/srv/builder";
        session = true;
      };
      three = {
        command = "true";
        on = "other";
        requires = [ "proxy" ];
      };
    };
  };
  checkout-of-one-that-is-switched-off.services.loopkeeper.workers.reviewer = {
    enable = false;
    command = "true";
    worktree = "/srv/builder";
    requires = [ "nobody" ];
  };
  variable-that-defaults-have.services.loopkeeper = {
    workers.builder = {
      secrets = [ "token" ];
      environmentFrom = [ "token" ];
    };
    settings.defaults.environment.TOKEN = "none";
  };
  hardware-key.services.loopkeeper.ssh.hosts.ci.hostKeys = [
    "sk-ecdsa-sha2-nistp256@openssh.com AAAA"
  ];

  checkouts-that-are-made.services.loopkeeper = {
    plan.quiesce = "30m";
    workers.reviewer = {
      command = "true";
      worktree = {
        path = "/srv/reviewer";
        repo = "/srv/rig.git";
        branch = "review";
        as = "worktree";
      };
    };
  };

  # What settings have takes the place of what an option says.
  worktree-that-settings-move =
    { lib, ... }:
    {
      services.loopkeeper = {
        workers.adversary.worktree = lib.mkForce "/srv/builder";
        settings.workers.builder.worktree = "/srv/other";
      };
    };
  circle-that-settings-open.services.loopkeeper = {
    workers = {
      builder.requires = [ "adversary" ];
      adversary.requires = [ "builder" ];
    };
    settings.workers.builder.requires = [ ];
  };
  names-that-settings-correct.services.loopkeeper = {
    workers.builder = {
      phases = [ "1e" ];
      requires = [ "revewer" ];
      user = "nobody-of-this-name";
      secrets.token = "tokn";
      backoff.first = "2m";
      backoff.most = "90s";
      ready.every = "1s";
    };
    settings.workers.builder = {
      phases = [ "1d" ];
      requires = [ "adversary" ];
      systemd.User = "root";
      secrets.token = "/etc/token";
      backoff.most = "1h";
      ready.tcp = "127.0.0.1:80";
    };
  };
  plan-in-the-place-of-one-that-is-wrong.services.loopkeeper = {
    plan.phases = [
      "1d"
      "1d"
      {
        id = "1e";
        until.line = "done";
      }
    ];
    settings.plan.phases = [
      {
        id = "1d";
        until = "operator";
      }
    ];
  };
  proxy-that-settings-open.services.loopkeeper = {
    proxy.openFirewall = true;
    settings.proxy = {
      listen = "10.0.0.1:1055";
      auth = "/etc/proxy-users";
    };
  };
  proxy-that-settings-close.services.loopkeeper = {
    proxy.listenAddress = "0.0.0.0";
    settings.proxy.listen = "127.0.0.1:1055";
  };

  # What of users.users the machine knows is their names, and systemd takes numbers too.
  user-of-another-name = {
    users.users.bob.name = "builder";
    services.loopkeeper = {
      operators = [ "builder" ];
      workers.builder.user = "builder";
    };
  };
  user-by-number.services.loopkeeper.workers.builder.user = "1000";

  what-check-takes.services.loopkeeper = {
    proxy = {
      listenAddress = "::ffff:127.0.0.1";
      auth = "my users";
    };
    secrets."my users" = {
      source = "file";
      path = "/etc/my users";
    };
    workers.builder = {
      stop.signal = "SIGRTMIN+3";
      onSecretChange = "tstp";
      ready.tcp = "[::ffff:127.0.0.1]:80";
      keepOutput = "20000001KiB";
    };
    workers.adversary.stop.signal = "15";
  };
}
