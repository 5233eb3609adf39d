# Secrets that systemd itself decrypts: each by a unit of its own, from which the workers have it like
# one that anybody else brings. Where one cannot be decrypted, who names it waits, and nobody else.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.loopkeeper;

  unit = name: secret: {
    # Its name is none that a worker's unit can have (loopkeeper-WORKER.service).
    name = "credential-loopkeeper-${name}";
    value = {
      description = "Secret ${name} of Loopkeeper's workers";
      documentation = [ "man:systemd-creds(1)" ];
      # Tried again whenever the daemon is started.
      wantedBy = [
        "multi-user.target"
        "loopkeeper.service"
      ];
      before = [ "loopkeeper.service" ];
      stopIfChanged = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        LoadCredentialEncrypted = "${name}:${secret.encryptedFile}";
        # Gone when it is stopped, and not when it is started anew.
        RuntimeDirectory = "loopkeeper-secrets/${name}";
        RuntimeDirectoryMode = "0700";
        RuntimeDirectoryPreserve = "restart";
        UMask = "0077";
        ExecStart = [
          "${pkgs.coreutils}/bin/install -m 400 %d/${name} %t/loopkeeper-secrets/${name}/.new"
          "${pkgs.coreutils}/bin/mv -fT %t/loopkeeper-secrets/${name}/.new %t/loopkeeper-secrets/${name}/secret"
        ];
      };
    };
  };
in
{
  config = lib.mkIf cfg.enable {
    systemd.services = lib.mapAttrs' unit (
      lib.filterAttrs (
        _: secret: secret.source == "credential" && secret.encryptedFile != null
      ) cfg.secrets
    );
  };
}
