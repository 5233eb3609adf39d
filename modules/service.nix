# loopkeeper.service, its socket and the slice of its workers.
#
# The workers are services of their own, which the daemon starts: a switch restarts the daemon where
# its unit is another one, and reloads it where only the configuration is. Either way a worker goes on
# whose own definition did not change. The unit is the one that `supervisorctl generate unit` prints,
# where each choice is explained; a test compares the two.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkEnableOption mkOption types;

  cfg = config.services.loopkeeper;
  loopkeeperTypes = import ./types.nix { inherit lib; };
  declared = lib.mapAttrsToList (name: user: user.name or name) config.users.users;
in
{
  options.services.loopkeeper = {
    enable = mkEnableOption "Loopkeeper, which keeps loops running";

    package = lib.mkPackageOption pkgs "loopkeeper" { };

    group = mkOption {
      type = types.enum [ "loopkeeper" ];
      default = "loopkeeper";
      description = ''
        The group whose members may steer the rig with {command}`supervisorctl`, beside root. The daemon
        knows it by this name.
      '';
    };

    operators = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = "Users who may steer the rig: the members of {option}`services.loopkeeper.group`.";
    };

    watchdog.timeout = mkOption {
      type = loopkeeperTypes.between 5 3600;
      default = 30;
      description = ''
        Seconds. systemd restarts a daemon that has not finished a turn of its loop for so long. How
        workers are watched is said by each of them ({option}`services.loopkeeper.workers.<name>.alive`).
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    # tmux for `supervisorctl attach`, and for the sessions of workers.
    environment.systemPackages = [
      cfg.package
      pkgs.tmux
    ];

    users.groups.${cfg.group}.members = cfg.operators;
    warnings = map (
      name:
      "services.loopkeeper.operators: ${name} is none of users.users; nobody of that name can steer the rig, unless from elsewhere."
    ) (lib.subtractLists declared cfg.operators);

    systemd.slices.loopkeeper = {
      description = "Workers of Loopkeeper";
      # A generation without this module stops what it has no unit for, and this would be each worker:
      # they go on without a supervisor, and the next one takes them over.
      unitConfig.X-StopOnRemoval = false;
    };

    systemd.sockets.loopkeeper = {
      description = "Control socket of Loopkeeper";
      documentation = [ "man:supervisorctl(1)" ];
      wantedBy = [ "sockets.target" ];
      socketConfig = {
        ListenStream = "/run/loopkeeper/control.sock";
        SocketMode = "0600";
        DirectoryMode = "0755";
        RemoveOnStop = true;
        TriggerLimitIntervalSec = 0;
      };
    };

    systemd.services.loopkeeper = {
      description = "Loopkeeper, keeps loops running";
      documentation = [
        "man:loopkeeperd(8)"
        "man:loopkeeper.toml(5)"
        "man:supervisorctl(1)"
      ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network.target" ];
      startLimitIntervalSec = 0;

      # Not stopped before the new system is there: it is gone for as short as can be.
      stopIfChanged = false;
      reloadTriggers = [ cfg.configFile ];

      # What a person has at a terminal, for the loops do what a person would; what a worker's user has
      # besides is added by workers.nix. These paths stay the same from one system to the next, and so do
      # programs that are found there.
      path = [
        "/run/wrappers"
        "/run/current-system/sw"
      ];

      serviceConfig = {
        # A switch starts what is new in no order: the socket cannot be had once the daemon runs.
        Sockets = "%N.socket";
        Type = "notify";
        NotifyAccess = "main";
        ExecStart = "${cfg.package}/bin/loopkeeperd";
        ExecReload = "${cfg.package}/bin/supervisorctl reload";
        Restart = "always";
        RestartSec = 1;
        TimeoutStartSec = "infinity";
        WatchdogSec = cfg.watchdog.timeout;
        TimeoutStopSec = 90;

        KillMode = "mixed";
        Delegate = true;
        TasksMax = "infinity";
        OOMPolicy = "continue";

        StateDirectory = "loopkeeper";
        StateDirectoryMode = "0711";
        ConfigurationDirectory = "loopkeeper";
        RuntimeDirectory = "loopkeeper";
        RuntimeDirectoryMode = "0755";
        RuntimeDirectoryPreserve = true;

        CapabilityBoundingSet = lib.concatStringsSep " " [
          "CAP_KILL"
          "CAP_SYS_PTRACE"
          "CAP_SYS_RESOURCE"
          "CAP_DAC_OVERRIDE"
          "CAP_DAC_READ_SEARCH"
          "CAP_CHOWN"
          "CAP_FOWNER"
          "CAP_LEASE"
          "CAP_SETUID"
          "CAP_SETGID"
        ];
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateMounts = true;
        ProtectClock = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectSystem = "full";
        RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        LockPersonality = true;
        KeyringMode = "private";
        SystemCallArchitectures = "native";
        SystemCallFilter = "@system-service";
        SystemCallErrorNumber = "EPERM";
      };
    };
  };
}
