# The page of all options, in Markdown: each has a description, and refers to options that there are.
{
  nixosOptionsDoc,
  nixosSystem,
  stdenv,

  module,
}:

let
  # What NixOS itself makes of the module, without the rest of a machine.
  inherit
    (nixosSystem {
      modules = [
        module
        { nixpkgs.hostPlatform = stdenv.hostPlatform.system; }
      ];
    })
    options
    ;
in
(nixosOptionsDoc {
  options = { inherit (options.services) loopkeeper; };
  warningsAreErrors = true;
}).optionsCommonMark
