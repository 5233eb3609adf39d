# Generations of one machine, each with one thing changed.
{ nixpkgs }:

let
  units =
    module:
    (import ./evaluate.nix { inherit nixpkgs; } [
      ../../hosts/orchestrator
      module
    ]).units;
in
{
  first = units { };
  worker = units { services.loopkeeper.workers.builder.keepAttempts = 50; };
  package = units (
    { pkgs, ... }:
    {
      services.loopkeeper.package = pkgs.runCommand "loopkeeper" { } "a new version";
    }
  );
  systemdActivation = units { sops.useSystemdActivation = true; };
  tailscale = units (
    { config, ... }:
    {
      sops.useSystemdActivation = true;
      services.tailscale = {
        enable = true;
        authKeyFile = config.services.loopkeeper.secrets.tailscale-auth-key.path;
      };
    }
  );
  credential = units (
    { lib, ... }:
    {
      services.loopkeeper.secrets.ci-key = lib.mkForce {
        source = "credential";
        encryptedFile = "/etc/credstore.encrypted/ci-key";
      };
    }
  );
}
