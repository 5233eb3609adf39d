# Of each bad example that evaluates, what is said of it; and which ones no type takes.
{ nixpkgs }:

let
  inherit (import (nixpkgs + "/lib")) attrNames filterAttrs mapAttrs;
  bad = import ./bad.nix;
  evaluate = import ./evaluate.nix { inherit nixpkgs; };
  failures =
    module:
    (evaluate [
      bad.good
      module
    ]).failures;
  pathsOf =
    module:
    let
      inherit
        ((evaluate [
          bad.good
          module
        ]).config
        )
        services
        systemd
        ;
    in
    {
      daemon = systemd.services.loopkeeper.environment.PATH;
      workers = mapAttrs (
        _: worker: worker.environment.PATH or null
      ) services.loopkeeper.settings.workers;
    };
in
{
  good = failures { };
  right = mapAttrs (_: failures) bad.right;
  configurations = mapAttrs (
    _: module:
    (evaluate [
      bad.good
      module
    ]).toml
  ) bad.right;
  # What files of a flake, and packages, become.
  files =
    let
      inherit
        ((evaluate [
          bad.good
          bad.files
        ]).config.services.loopkeeper
        )
        settings
        ;
    in
    settings.workers.builder.command ++ map (phase: phase.brief) settings.plan.phases;
  commands = mapAttrs (
    _: command:
    (evaluate [
      bad.good
      (
        { lib, pkgs, ... }:
        {
          services.loopkeeper.workers.builder.command = lib.mkForce (command pkgs);
        }
      )
    ]).config.services.loopkeeper.settings.workers.builder.command
  ) bad.commands;
  together = mapAttrs (
    _: one:
    one.is
      (evaluate [
        bad.good
        one.module
      ]).config.services.loopkeeper.settings
  ) bad.together;
  unsaid = (evaluate [ bad.unsaid ]).failures;
  # Where the daemon, and each worker that says so, looks for programs.
  paths = pathsOf bad.packages;
  users = pathsOf bad.users;
  firewalls = mapAttrs (
    _: module:
    (evaluate [
      bad.good
      module
    ]).config.networking.firewall.allowedTCPPorts
  ) bad.firewalls;
  warned =
    (evaluate [
      bad.good
      bad.warned
    ]).config.warnings;
  examples = mapAttrs (_: example: {
    inherit (example) says;
    failures = failures example.module;
  }) (filterAttrs (_: example: example ? says) bad.examples);
  untyped = attrNames (filterAttrs (_: example: example ? type) bad.examples);
  # What sops-nix is told of a secret in two ways is told.
  keyTwice =
    (builtins.tryEval
      (evaluate [
        bad.good
        {
          services.loopkeeper.secrets.token.key = "theirs";
          sops.secrets.token.key = "mine";
        }
      ]).config.sops.secrets.token.key
    ).value;
  # Without sops-nix, where a secret needs it.
  withoutSops =
    (import ./evaluate.nix
      {
        inherit nixpkgs;
        imports = [ ../../modules ];
      }
      [
        {
          services.loopkeeper = {
            enable = true;
            workers.a.command = "true";
            secrets.token = { };
          };
        }
      ]
    ).failures;
}
