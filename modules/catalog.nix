# What `journalctl -x` says of the rig's messages. NixOS compiles the catalog of systemd alone; of
# others journalctl knows those in /usr/local/lib/systemd/catalog, on NixOS as well.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.loopkeeper;
  directory = "/usr/local/lib/systemd/catalog";
in
{
  config = lib.mkIf cfg.enable {
    # Its name is none that a worker's unit can have (loopkeeper-WORKER.service).
    systemd.services.journal-catalog-loopkeeper = {
      description = "Catalog of Loopkeeper's messages in the journal";
      documentation = [ "man:journalctl(1)" ];
      wantedBy = [ "multi-user.target" ];
      after = [ "systemd-journal-catalog-update.service" ];
      stopIfChanged = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = [
          "${pkgs.coreutils}/bin/mkdir -p ${directory}"
          "${pkgs.coreutils}/bin/ln -sfn ${cfg.package}/lib/systemd/catalog/loopkeeper.catalog ${directory}/"
          "${config.systemd.package}/bin/journalctl --update-catalog"
        ];
        ExecStop = "${pkgs.coreutils}/bin/rm -f ${directory}/loopkeeper.catalog";
      };
    };
  };
}
