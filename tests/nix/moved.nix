# The configurations that the module makes of modules in files.
{ nixpkgs, files }:

map (file: (import ./evaluate.nix { inherit nixpkgs; } [ (/. + file) ]).toml) files
