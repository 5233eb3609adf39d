# The checks of the flake. What needs a build or a virtual machine of NixOS is in here alone; the rest
# tests/run does as well, on any machine.
{
  pkgs,
  self,
  package,
}:

let
  inherit (pkgs) lib;

  # The package's sources and dependencies, for another command.
  cargo =
    name: programs: command:
    package.overrideAttrs (previous: {
      pname = "loopkeeper-${name}";
      nativeBuildInputs = previous.nativeBuildInputs ++ programs;
      buildPhase = command;
      installPhase = "touch $out";
      postInstall = "";
      dontFixup = true;
    });

  files =
    name: programs: command:
    pkgs.runCommand "loopkeeper-${name}" { nativeBuildInputs = programs; } ''
      cd ${self}
      ${command}
      touch $out
    '';

  machine =
    name:
    pkgs.testers.runNixOSTest {
      imports = [ (./vm + "/${name}.nix") ];
      defaults.imports = [ self.nixosModules.default ];
    };

  # The machines that can be built here.
  hosts = lib.filterAttrs (
    _: host: host.pkgs.stdenv.hostPlatform.system == pkgs.stdenv.hostPlatform.system
  ) self.nixosConfigurations;
in
# Their configurations, as `supervisorctl check` took them, with the unit that reads them.
lib.mapAttrs (
  name: host:
  pkgs.linkFarm "loopkeeper-${name}" {
    "loopkeeper.toml" = host.config.services.loopkeeper.configFile;
    unit = host.config.systemd.units."loopkeeper.service".unit;
  }
) hosts
// {
  inherit package;

  clippy = cargo "clippy" [
    pkgs.clippy
  ] "cargo clippy --offline --locked --all-targets -- --deny warnings";

  # What cannot be in a build is left out by the profile, and counted as skipped (.config/nextest.toml).
  tests = cargo "tests" (with pkgs; [
    bashInteractive
    cargo-nextest
    curl
    getent
    git
    groff
    iproute2
    ncurses
    nmap
    openssh
    procps
    (python3.withPackages (_: [ ]))
    systemd
    tmux
    util-linux
    vim
  ]) "cargo nextest run --offline --locked --no-fail-fast --profile nix-sandbox";

  format = files "format" [
    pkgs.cargo
    pkgs.nixfmt
    pkgs.rustfmt
  ] "cargo fmt --check && find . -name '*.nix' -exec nixfmt --check {} +";

  dead-code = files "dead-code" [ pkgs.deadnix ] "deadnix --fail .";

  # Every option has a description, and each refers to options that there are.
  inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) options;

  boot = machine "boot";
  secrets = machine "secrets";
  switch = machine "switch";
}
