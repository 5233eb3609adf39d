# What stands in for the flake of nixpkgs: its library of about 22.11, and pkgs that cannot build.
{ nixpkgs, tests }:

let
  lib = import (nixpkgs + "/lib");
  evaluate = import (tests + "/evaluate.nix");
in
{
  lib = lib // {
    # A host brings the module and sops-nix itself.
    nixosSystem =
      { modules }:
      evaluate {
        inherit nixpkgs;
        imports = [ ];
      } modules;
  };
  legacyPackages = lib.genAttrs [
    "x86_64-linux"
    "aarch64-linux"
  ] (system: import (tests + "/pkgs.nix") { inherit lib system; });
}
