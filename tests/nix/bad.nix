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
    // import ./bad/types.nix;
}
