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
  right = {
    rig-in-settings =
      { lib, ... }:
      {
        services.loopkeeper = {
          workers = lib.mkForce { };
          proxy.enable = lib.mkForce false;
          plan.phases = lib.mkForce [ ];
          settings = {
            proxy.kind = "builtin";
            plan.phases = [
              "1e"
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
    checkout-of-one-that-is-switched-off.services.loopkeeper.workers.reviewer = {
      enable = false;
      command = "true";
      worktree = "/srv/builder";
      requires = [ "nobody" ];
    };
    hardware-key.services.loopkeeper.ssh.hosts.ci.hostKeys = [
      "sk-ecdsa-sha2-nistp256@openssh.com AAAA"
    ];
  };

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

  # Not a mistake for sure, and said nevertheless.
  warned = {
    services.loopkeeper.operators = [ "alice" ];
  };

  examples =
    import ./bad/workers.nix
    // import ./bad/proxy.nix
    // import ./bad/secrets.nix
    // import ./bad/ssh.nix
    // import ./bad/types.nix;
}
