# What a host of hosts/ is, for who compares.
{ nixpkgs, host }:

let
  evaluated = import ./evaluate.nix { inherit nixpkgs; } [ (../../hosts + "/${host}") ];
  inherit (evaluated.config) environment sops;
in
{
  inherit (evaluated) failures toml units;
  build = evaluated.config.services.loopkeeper.configFile.text;
  ssh_config = environment.etc."ssh/ssh_config".text;
  known_hosts = environment.etc."ssh/ssh_known_hosts".text;
  secrets = builtins.mapAttrs (_: secret: { inherit (secret) key path restartUnits; }) sops.secrets;
}
