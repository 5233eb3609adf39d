# A whole rig on a small virtual machine: a Builder that writes, an Adversary that reviews, a session for
# who orchestrates them, the tailnet as the way out, and a CI host that is reached through it.
{ modulesPath, pkgs, ... }:

let
  # Of root on the machine where `incus launch` is typed; take your own.
  operatorKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICXdnTqgMCiTlU3ofEIAndrb/muDCX/VT/85iCGMibfc operator@example.org";
in
{
  imports = [
    (modulesPath + "/virtualisation/incus-virtual-machine.nix")
    ./machine.nix
    ./secrets.nix
  ];

  networking.hostName = "orchestrator";
  nixpkgs.hostPlatform = "x86_64-linux";
  system.stateVersion = "26.05";

  users.users = {
    operator = {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
      openssh.authorizedKeys.keys = [ operatorKey ];
    };
    # Each loop is somebody of its own, with a home for what it logs in with.
    builder = {
      isNormalUser = true;
      description = "The loop that writes";
    };
    adversary = {
      isNormalUser = true;
      description = "The loop that reviews, and does not see what the Builder has not pushed";
    };
  };

  # Who says in /srv/plan that a phase is over.
  users.groups.plan.members = [
    "operator"
    "builder"
    "adversary"
  ];

  # Who comes with a key has no password.
  security.sudo.wheelNeedsPassword = false;

  environment.systemPackages = with pkgs; [
    git
    gnumake
    jq
  ];

  services.loopkeeper = {
    enable = true;
    operators = [ "operator" ];

    notify = "logger --tag rig --priority daemon.warning";

    proxy = {
      enable = true;
      kind = "tailscale";
      tailscale = {
        authKey = "tailscale-auth-key";
        hostname = "orchestrator";
      };
    };

    plan.phases =
      map
        (id: {
          inherit id;
          brief = "/srv/plan/${id}.md";
          until.file = "/srv/plan/${id}.done";
        })
        [
          "1d"
          "1e"
          "2"
          "2b"
          "3"
          "4"
        ];

    settings.defaults = {
      backoff.most = "10m";
      environment.LANG = "C.UTF-8";
    };

    workers = {
      builder = {
        command = [ "./loop.sh" ];
        user = "builder";
        worktree = "/home/builder/work";
        # What the script ends in: exec claude.
        agent = "claude";
        say = {
          start = "Read {{ brief }} and begin phase {{ phase }}.";
          phase = "Phase {{ previous_phase }} is over. Read {{ brief }} and begin phase {{ phase }}.";
          reboot = "The machine rebooted at {{ rebooted_at }}; phase {{ phase }} goes on. Look at what is there, and go on with {{ brief }}.";
          crash = "You ended with {{ exit }}. Look at what is there, and go on with {{ brief }}.";
        };
        handoff.to = "adversary";
        requires = [ "proxy" ];
        secrets = [
          "gitea-token"
          "ci-key"
        ];
        environmentFrom = [ "gitea-token" ];
        limits = {
          memoryMax = "1G";
          cpuQuota = "150%";
        };
      };

      adversary = {
        command = [ "./review.sh" ];
        user = "adversary";
        worktree = "/home/adversary/work";
        agent = "claude";
        say.start = "Read {{ brief }}, and review what the Builder pushes for phase {{ phase }}.";
        requires = [ "proxy" ];
        secrets = [ "gitea-token" ];
        limits.memoryMax = "512M";
        # Who reviews has no need of sudo.
        serviceOverrides.NoNewPrivileges = true;
      };

      # The agent that looks after the loops, for people to talk to; runs whatever the phase.
      orchestrator = {
        kind = "service";
        session = true;
        command = [ "claude" ];
        workdir = "/srv/plan";
        agent = "claude";
        say.reboot = "{{ report }}\n\nLook at the loops (supervisorctl status), and mend what needs it.";
        requires = [ "proxy" ];
      };
    };

    ssh.hosts.ci = {
      hostName = "ci.example.org";
      user = "ci";
      hostKeys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPPmzUizjmoCRbK5YjDWgvdbuFm/jehTqB0tcPR42iNK"
      ];
      identitySecret = "ci-key";
    };
  };

  systemd.tmpfiles.rules = [ "d /srv/plan 2775 root plan -" ];
}
