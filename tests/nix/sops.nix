# A stand-in for sops-nix's module: the options that it has at the locked revision, as far as they are
# used, and the unit that it has in systemd mode. It decrypts nothing.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.sops;
in
{
  options.sops = {
    defaultSopsFile = mkOption { type = types.path; };
    useSystemdActivation = mkOption {
      type = types.bool;
      default = false;
    };
    age = {
      keyFile = mkOption {
        type = types.nullOr types.str;
        default = null;
      };
      generateKey = mkOption {
        type = types.bool;
        default = false;
      };
      sshKeyPaths = mkOption {
        type = types.listOf types.path;
        default = [ "/etc/ssh/ssh_host_ed25519_key" ];
      };
    };
    gnupg.sshKeyPaths = mkOption {
      type = types.listOf types.path;
      default = [ "/etc/ssh/ssh_host_rsa_key" ];
    };
    secrets = mkOption {
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              key = mkOption {
                type = types.str;
                default = name;
              };
              sopsFile = mkOption {
                type = types.path;
                default = cfg.defaultSopsFile;
              };
              path = mkOption {
                type = types.str;
                default = "/run/secrets/${name}";
              };
              restartUnits = mkOption {
                type = types.listOf types.str;
                default = [ ];
              };
            };
          }
        )
      );
      default = { };
    };
  };

  config.system = lib.mkIf (cfg.secrets != { } && !cfg.useSystemdActivation) {
    activationScripts.setupSecrets.text = "sops-install-secrets";
  };

  config.systemd.services.sops-install-secrets =
    lib.mkIf (cfg.secrets != { } && cfg.useSystemdActivation)
      {
        wantedBy = [ "sysinit.target" ];
        after = [ "local-fs.target" ];
        unitConfig.DefaultDependencies = "no";
        serviceConfig = {
          Type = "oneshot";
          ExecStart = [ "sops-install-secrets" ];
          RemainAfterExit = true;
        };
      };
}
