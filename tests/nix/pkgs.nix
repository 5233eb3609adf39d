# A stand-in for pkgs: each package is its name at a place in the store, which is another one where what
# it is made of is something else. Nothing can be built.
{
  lib,
  system ? "x86_64-linux",
}:

let
  package =
    name: attributes:
    let
      hash = lib.substring 0 32 (builtins.hashString "sha256" (attributes.text or ""));
      outPath = "/nix/store/${if attributes ? text then hash else lib.fixedWidthNumber 32 0}-${name}";
    in
    {
      type = "derivation";
      inherit name outPath;
      pname = name;
      outputName = "out";
      drvPath = "${outPath}.drv";
      meta.mainProgram = name;
    }
    // attributes;

  # TOML's inline tables, which are what JSON is but for `=` and for a character that TOML escapes.
  text =
    let
      delete = builtins.fromJSON "\"\\u007f\"";
    in
    value: lib.replaceStrings [ delete ] [ "\\u007f" ] (builtins.toJSON value);
  toml =
    value:
    if lib.isAttrs value then
      "{ ${
        lib.concatStringsSep ", " (lib.mapAttrsToList (name: inner: "${text name} = ${toml inner}") value)
      } }"
    else if lib.isList value then
      "[${lib.concatMapStringsSep ", " toml value}]"
    else
      text value;

  # The type of the real one (pkgs/pkgs-lib/formats.nix).
  tomlType =
    let
      inherit (lib.types)
        attrsOf
        bool
        float
        int
        listOf
        oneOf
        path
        str
        ;
      value =
        oneOf [
          bool
          int
          float
          str
          path
          (attrsOf value)
          (listOf value)
        ]
        // {
          description = "TOML value";
        };
    in
    value;

  named = lib.genAttrs [
    "age"
    "bashInteractive"
    "cargo"
    "cargo-nextest"
    "clippy"
    "coreutils"
    "curl"
    "deadnix"
    "e2fsprogs"
    "findutils"
    "getent"
    "git"
    "gnugrep"
    "gnumake"
    "gnused"
    "groff"
    "installShellFiles"
    "iproute2"
    "jq"
    "loopkeeper"
    "mmdebstrap"
    "ncurses"
    "netcat"
    "nixfmt"
    "nixfmt-tree"
    "nmap"
    "openssh"
    "procps"
    "qemu"
    "rust-analyzer"
    "rustfmt"
    "shellcheck"
    "socat"
    "sops"
    "systemd"
    "tailscale"
    "tmux"
    "util-linux"
    "vim"
  ] (name: package name { });

  built =
    name: attributes:
    package name attributes
    // {
      overrideAttrs = change: built name (attributes // change attributes);
    };

  # The real one copies; this one says what it would.
  fileset = {
    unions = lib.concatMap (
      file:
      assert builtins.pathExists file;
      [ file ]
    );
    toSource =
      { fileset, root }:
      assert fileset != [ ];
      {
        inherit fileset;
        outPath = root;
      };
  };
  nixosOptionsDoc = { options, ... }: { optionsCommonMark = package "options" { inherit options; }; };
in
named
// {
  inherit lib system;
  stdenv = {
    buildPlatform.canExecute = _: true;
    hostPlatform = { inherit system; };
  };
  # Of Python's packages, those that are named.
  python3.withPackages =
    select:
    package "python3" {
      packages = select (
        lib.genAttrs [
          "cryptography"
          "pyyaml"
        ] (name: package name { })
      );
    };
  linkFarm = name: entries: package name { inherit entries; };
  callPackage = lib.callPackageWith (
    named
    // {
      inherit nixosOptionsDoc;
      lib = lib // {
        inherit fileset;
      };
      stdenv.buildPlatform.canExecute = _: true;
      stdenv.hostPlatform = { inherit system; };
      rustPlatform.buildRustPackage = attributes: built attributes.pname attributes;
    }
  );
  mkShell = attributes: package "shell" { inherit attributes; };
  # A file, which has no program in it.
  writeShellScript = name: text: removeAttrs (package name { inherit text; }) [ "meta" ];
  writeShellApplication = { name, ... }@attributes: package name { inherit attributes; };
  inherit nixosOptionsDoc;
  testers.runNixOSTest = module: package "test" { inherit module; };
  buildPackages.xorg.lndir = package "lndir" { };
  formats.toml = _: {
    type = tomlType;
    generate =
      name: value:
      package name {
        text = lib.concatStrings (lib.mapAttrsToList (key: inner: "${text key} = ${toml inner}\n") value);
      };
  };
  runCommand =
    name: attributes: command:
    package name {
      inherit attributes;
      text = toString (attributes.nativeBuildInputs or [ ]) + command;
    };
  copyPathToStore = path: path;
}
