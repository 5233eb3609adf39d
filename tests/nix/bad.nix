# Bad examples, each by what is wrong with it: a module that makes it of a good one, and words of the
# message that says so. `type` is for what no type of an option takes.
{
  # What the examples are made of; nothing is wrong with it.
  good =
    { lib, ... }:
    {
      sops.defaultSopsFile = lib.mkDefault "/secrets.yaml";
      users.users.somebody = { };
      services.loopkeeper = {
        enable = true;
        proxy.enable = true;
        plan.phases = lib.mkDefault [ "1d" ];
        secrets.token = { };
        workers = {
          builder = {
            command = [ "./loop.sh" ];
            worktree = "/srv/builder";
          };
          adversary = {
            command = [ "./review.sh" ];
            worktree = "/srv/adversary";
          };
        };
      };
    };

  # Of each, nothing is to be said either.
  right = import ./right.nix;

  # Files of the flake, which are there for the rig as files of the store.
  files =
    { lib, ... }:
    {
      services.loopkeeper = {
        workers.builder.command = lib.mkForce [
          ./fetch
          "./fetch"
        ];
        plan.phases = [
          {
            id = "1d";
            brief = ./fetch;
          }
        ];
      };
    };

  # How a command may be said with what is in Nix.
  commands = {
    package = pkgs: [
      pkgs.git
      "-C"
      pkgs.curl
    ];
    package-alone = pkgs: pkgs.git;
    script = pkgs: [ (pkgs.writeShellScript "loop" "exec sleep 1000") ];
    file-alone = _: ./fetch;
    program = pkgs: [
      "${pkgs.git}/bin/git"
      "gc"
    ];
    text = _: "exec sleep 1000";
  };

  # Packages that users have of their own, and users who have none or whom no worker runs as.
  packages =
    { pkgs, ... }:
    {
      users.users = {
        builder.packages = [ pkgs.git ];
        bob = {
          name = "adversary";
          packages = [ pkgs.git ];
        };
        somebody.packages = [ ];
        alice.packages = [ pkgs.git ];
      };
      services.loopkeeper.workers = {
        builder.user = "builder";
        adversary = {
          user = "adversary";
          path = [ pkgs.curl ];
        };
        reviewer = {
          command = "true";
          user = "somebody";
        };
      };
    };

  # What comes of options and settings together: a module, and keys of the configuration.
  together = {
    proxy-that-is-switched-off = {
      module =
        { lib, ... }:
        {
          services.loopkeeper = {
            proxy = {
              enable = lib.mkForce false;
              allow = [ "10.0.0.0/8" ];
            };
            settings.proxy.drain = "1m";
          };
        };
      is = settings: settings ? proxy;
    };
    worker-that-is-switched-off = {
      module.services.loopkeeper = {
        workers.builder.enable = false;
        settings.workers.builder.command = "true";
      };
      is = settings: settings.workers ? builder;
    };
    keys-of-the-proxy = {
      module.services.loopkeeper = {
        proxy = {
          kind = "command";
          command = "true";
          environment.A = "option";
          environment.B = "option";
          serviceOverrides.MemoryMax = "256M";
          serviceOverrides.User = "somebody";
        };
        settings.proxy = {
          environment.A = "setting";
          systemd.MemoryMax = "512M";
        };
      };
      is = settings: { inherit (settings.proxy) environment systemd; };
    };
    resume-of-phases-in-settings = {
      module =
        { lib, ... }:
        {
          services.loopkeeper = {
            plan = {
              phases = lib.mkForce [ ];
              resume = "manual";
            };
            settings.plan.phases = [ { id = "1d"; } ];
          };
        };
      is = settings: settings.plan or null;
    };
    resume-without-phases = {
      module =
        { lib, ... }:
        {
          services.loopkeeper.plan = {
            phases = lib.mkForce [ ];
            resume = "manual";
          };
        };
      is = settings: settings.plan or null;
    };
  };

  # A proxy in settings, of which no option says whether it is to be.
  unsaid.services.loopkeeper = {
    enable = true;
    proxy.allow = [ "10.0.0.0/8" ];
    settings.proxy.drain = "1m";
  };

  # Users of workers in each way of saying it, as the daemon and workers look for their packages.
  users =
    { pkgs, ... }:
    {
      users.users.numbered.uid = 1000;
      services.loopkeeper = {
        proxy = {
          kind = "command";
          command = "true";
          serviceOverrides.User = "carrier";
        };
        settings.defaults.systemd.User = "everybody";
        workers = {
          builder.path = [ pkgs.git ];
          adversary = {
            path = [ pkgs.git ];
            user = "1000";
          };
          reviewer = {
            command = "true";
            path = [ pkgs.git ];
            user = "somebody";
            serviceOverrides.User = "other";
          };
        };
      };
    };

  # The ports that are open to other machines: of where the proxy listens in the end.
  firewalls = {
    options.services.loopkeeper.proxy = {
      listenAddress = "10.0.0.1";
      openFirewall = true;
      auth = "token";
    };
    settings.services.loopkeeper = {
      proxy = {
        listenAddress = "10.0.0.1";
        openFirewall = true;
        auth = "token";
      };
      settings.proxy.listen = "[fd00::1]:1080";
    };
  };

  # Not a mistake for sure, and said nevertheless.
  warned = {
    # A member of a group is who is called so, not how that is declared.
    users.users.bob.name = "robert";
    services.loopkeeper.operators = [
      "alice"
      "robert"
    ];
  };

  examples =
    import ./bad/workers.nix
    // import ./bad/proxy.nix
    // import ./bad/secrets.nix
    // import ./bad/ssh.nix
    // import ./bad/hosts.nix
    // import ./bad/types.nix;
}
