# Of hosts, and of workers on them.
let
  attic = worker: {
    services.loopkeeper = {
      hosts.attic.ssh = "attic";
      workers.reviewer = {
        command = "true";
        on = "attic";
      }
      // worker;
    };
  };
in
{
  host-with-a-word-for-its-name = {
    module.services.loopkeeper.hosts.local.ssh = "attic";
    says = "is neither local nor auto";
  };
  host-reached-through-no-proxy = {
    module =
      { lib, ... }:
      {
        services.loopkeeper.proxy.enable = lib.mkForce false;
        services.loopkeeper.hosts.attic = {
          ssh = "attic";
          proxy = true;
        };
      };
    says = "leave proxy out";
  };
  host-with-a-key-that-everybody-can-read = {
    module.services.loopkeeper.hosts.attic = {
      ssh = "attic";
      identity = "/nix/store/x-key";
    };
    says = "identity is in the Nix store";
  };
  worker-on-a-host-of-nobody = {
    module.services.loopkeeper.workers.builder.on = "atic";
    says = "on is atic, and there are: local.";
  };
  worker-that-is-placed-by-itself = {
    module = attic { on = "auto"; };
    says = "on is auto, and there are: local attic";
  };
  worker-of-defaults-on-a-host-of-nobody = {
    module.services.loopkeeper = {
      workers.adversary.on = "local";
      settings.defaults.on = "attic";
    };
    says = "workers.builder.on is attic";
  };
  secret-on-another-host = {
    module = attic { secrets = [ "token" ]; };
    says = "cannot have yet: secrets.";
  };
  user-on-another-host = {
    module = attic { user = "somebody"; };
    says = "cannot have yet: systemd.";
  };
  checkout-that-is-made-on-another-host = {
    module = attic {
      worktree = {
        path = "work";
        repo = "ssh://git@host/x.git";
      };
    };
    says = "cannot have yet: worktree.repo.";
  };
  probes-on-another-host = {
    module = attic {
      ready.tcp = "127.0.0.1:80";
      alive.tcp = "127.0.0.1:80";
    };
    says = "cannot have yet: alive ready.tcp.";
  };
  process-on-another-host = {
    module = attic { session = false; };
    says = "where it is in tmux";
  };
  packages-on-another-host = {
    module = attic { path = [ "/opt/tools" ]; };
    says = "has packages of this machine";
  };
  home-on-another-host = {
    module = attic { command = [ "~/loop.sh" ]; };
    says = "a shell there runs";
  };
  path-that-leads-up-on-another-host = {
    module = attic { workdir = "/srv/../etc"; };
    says = "without ~ and without ..";
  };
  worktree-twice-on-another-host = {
    module.services.loopkeeper = {
      hosts.attic.ssh = "attic";
      workers = {
        one = {
          command = "true";
          on = "attic";
          worktree = "work/x";
        };
        two = {
          command = "true";
          on = "attic";
          worktree = "./work//x/";
        };
      };
    };
    says = "work/x on attic is that of one as well";
  };
  relative-worktree = {
    module.services.loopkeeper.workers.reviewer = {
      command = "true";
      worktree = "reviewer";
    };
    says = "are absolute paths";
  };
}
