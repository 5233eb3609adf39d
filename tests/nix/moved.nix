# Of modules in files, the configurations that the module makes of them, and which assertions fail where
# there are these users.
{
  nixpkgs,
  files,
  users,
}:

let
  lib = import (nixpkgs + "/lib");
  evaluate = import ./evaluate.nix { inherit nixpkgs; };
in
map (file: {
  inherit
    (evaluate [
      (/. + file)
      { users.users = lib.genAttrs users (_: { }); }
    ])
    failures
    toml
    ;
}) files
