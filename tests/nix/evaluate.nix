# What a machine of these modules is: its units, its configuration, and which assertions fail.
{
  nixpkgs,
  imports ? [
    ../../modules
    ./sops.nix
  ],
}:

let
  lib = import (nixpkgs + "/lib");
  pkgs = import ./pkgs.nix { inherit lib; };
in
modules:
let
  evaluated = lib.evalModules {
    modules = [
      (import ./base.nix { inherit nixpkgs; })
      (
        { config, ... }:
        {
          _module.args = {
            inherit pkgs;
            utils = import (nixpkgs + "/nixos/lib/utils.nix") { inherit lib config pkgs; };
          };
        }
      )
    ]
    ++ imports
    ++ modules;
    specialArgs.modulesPath = toString ./machine;
  };
  inherit (evaluated) config;
in
{
  inherit config pkgs;
  inherit (evaluated) options;
  failures = map (one: one.message) (lib.filter (one: !one.assertion) config.assertions);
  units = lib.mapAttrs (_: unit: unit.text) config.systemd.units;
  toml =
    ((pkgs.formats.toml { }).generate "loopkeeper.toml" config.services.loopkeeper.settings).text;
}
