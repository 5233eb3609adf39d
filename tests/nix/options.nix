# The options as their documentation has them.
{ nixpkgs }:

let
  lib = import (nixpkgs + "/lib");
  evaluated = import ./evaluate.nix { inherit nixpkgs; } [ ];
  documented = lib.optionAttrSetToDocList { inherit (evaluated.options.services) loopkeeper; };
in
map (option: {
  inherit (option) name type;
  description =
    if lib.isAttrs option.description or "" then option.description.text else option.description or "";
  default = option.default.text or option.default or null;
  hasValue = option ? default || option ? example;
}) (lib.filter (option: option.visible && !option.internal) documented)
