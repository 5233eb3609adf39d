# Other machines on which workers run. The daemon reaches them by ssh, as root and without a terminal: what
# ssh.nix declares under the same name is what it then knows of them.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.loopkeeper;
  t = import ./types.nix { inherit lib; };

  host = types.submodule {
    options = {
      ssh = mkOption {
        type = t.sshDestination;
        example = "op@attic.example.org";
        description = ''
          Whom ssh connects to: host, user@host, user@host:port or [address]:port. The host may be one of
          {option}`services.loopkeeper.ssh.hosts`, or another alias of ssh_config(5).
        '';
      };

      sshConfig =
        t.key (t.orFile t.absolutePath) "/etc/loopkeeper/ssh_config"
          "The ssh_config(5) that counts in the place of root's and the machine's.";

      identity = mkOption {
        type = types.nullOr t.absolutePath;
        default = null;
        example = "/run/secrets/attic-key";
        description = "The file of the private key that is shown, readable by root alone.";
      };

      path =
        t.usually t.pathThere ".loopkeeper"
          "The directory there below which the records of its workers lie: absolute, or relative to the home directory there.";

      environment = mkOption {
        type = t.environment;
        default = { };
        example = {
          PATH = "/opt/bin:/usr/bin:/bin";
        };
        description = "Added to the environment of each worker there; that of a worker wins over it.";
      };

      proxy = t.usually types.bool false "Whether it is reached through the proxy of the rig.";
    };
  };

  section =
    host:
    t.written {
      inherit (host)
        ssh
        identity
        path
        environment
        proxy
        ;
      ssh_config = host.sshConfig;
    };

  # What there is in the end; `settings` may have hosts of its own.
  rig = cfg.settings;
in
{
  options.services.loopkeeper.hosts = mkOption {
    type = types.attrsOf host;
    default = { };
    example = lib.literalExpression ''
      {
        attic.ssh = "op@attic.example.org";
      }
    '';
    description = ''
      Other machines on which workers run, for
      {option}`services.loopkeeper.workers.<name>.on`. ssh has to come in there without a question.
    '';
  };

  config = lib.mkIf cfg.enable {
    services.loopkeeper.settings.hosts = lib.mkIf (cfg.hosts != { }) (
      lib.mapAttrs (_: host: t.overridable (section host)) cfg.hosts
    );

    assertions = lib.concatLists (
      lib.mapAttrsToList (
        name: host:
        let
          at = "services.loopkeeper.${lib.optionalString (!cfg.hosts ? ${name}) "settings."}hosts.${name}";
        in
        [
          {
            assertion =
              builtins.match "[A-Za-z0-9_][A-Za-z0-9._-]{0,63}" name != null && name != "local" && name != "auto";
            message = "${at}: not a host's name. It is at most 64 letters, digits, '.', '_' and '-', does not begin with '.' or '-', and is neither local nor auto.";
          }
          {
            assertion = !(host.proxy or false) || rig ? proxy;
            message = "${at} is reached through the proxy, and there is none: set services.loopkeeper.proxy.enable, or leave proxy out.";
          }
          {
            assertion = !t.inStore (host.identity or "");
            message = "${at}.identity is in the Nix store, where everybody on this machine can read it. Write the path as a string, of a file that is outside of the store.";
          }
        ]
      ) (rig.hosts or { })
    );
  };
}
