# The machines of the tests that take a virtual machine: each, and each as it is specialised.
{ nixpkgs }:

let
  lib = import (nixpkgs + "/lib");
  evaluate = import ./evaluate.nix { inherit nixpkgs; };
  # Before anything is specialised.
  of =
    modules:
    let
      evaluated = evaluate modules;
    in
    {
      inherit (evaluated) failures toml;
      # What NixOS would refuse: an order of an activation script that does nothing.
      empty = lib.attrNames (
        lib.filterAttrs (_: script: !script ? text) (evaluated.config.system.activationScripts or { })
      );
      # Those that have a rig.
      specialised = lib.mapAttrs (_: special: { inherit (special) failures toml; }) (
        lib.filterAttrs (_: special: special.config.services.loopkeeper.enable) (
          lib.mapAttrs (
            _: special: evaluate (modules ++ [ special.configuration ])
          ) evaluated.config.specialisation
        )
      );
    };
in
lib.mapAttrs' (
  file: _:
  let
    test = import (./vm + "/${file}");
  in
  lib.nameValuePair (lib.removeSuffix ".nix" file) {
    script = test.testScript;
    machines = lib.mapAttrs (_: node: of [ node ]) test.nodes;
  }
) (builtins.readDir ./vm)
