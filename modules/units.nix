# Units of NixOS that are called as the daemon calls a worker's. One that is written as a whole is in the
# way of it, and is stopped by a switch; and a service has a PATH of NixOS', also as a drop-in, which
# would take the place of the worker's.
{ config, lib, ... }:

let
  cfg = config.services.loopkeeper;
  names = lib.attrNames (cfg.settings.workers or { }) ++ lib.optional (cfg.settings ? proxy) "proxy";

  isInTheWay =
    unit:
    config.systemd.services ? ${unit}
    || (config.systemd.units."${unit}.service".overrideStrategy or "asDropin") != "asDropin";
in
{
  config = lib.mkIf cfg.enable {
    assertions = map (
      name:
      let
        unit = "loopkeeper-${name}";
        at = if name == "proxy" then "proxy" else "workers.${name}";
      in
      {
        assertion = !isInTheWay unit;
        message = ''
          systemd.services.${unit} takes the place of the unit in which the daemon runs ${name}, and a switch would stop that for good. What systemd is to be told of it belongs into services.loopkeeper.${at}.serviceOverrides, and what that does not take into systemd.units."${unit}.service" = { overrideStrategy = "asDropin"; text = "[Service]\n…"; }.
        '';
      }
    ) names;
  };
}
