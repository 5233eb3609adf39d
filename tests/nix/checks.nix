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

  # What NixOS itself makes of a module, without the rest of a machine.
  options =
    (lib.nixosSystem {
      modules = [
        self.nixosModules.default
        { nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform.system; }
      ];
    }).options;
in
{
  inherit package;

  clippy = cargo "clippy" [
    pkgs.clippy
  ] "cargo clippy --offline --locked --all-targets -- --deny warnings";

  tests = cargo "tests" (with pkgs; [
    cargo-nextest
    curl
    git
    iproute2
    nmap
    openssh
    procps
    tmux
  ]) "cargo nextest run --offline --locked --no-fail-fast";

  format = files "format" [
    pkgs.cargo
    pkgs.nixfmt
    pkgs.rustfmt
  ] "cargo fmt --check && find . -name '*.nix' -exec nixfmt --check {} +";

  dead-code = files "dead-code" [ pkgs.deadnix ] "deadnix --fail .";

  # Every option has a description, and each refers to options that there are.
  options =
    (pkgs.nixosOptionsDoc {
      options = { inherit (options.services) loopkeeper; };
      warningsAreErrors = true;
    }).optionsCommonMark;

  # The configurations of the hosts, as `supervisorctl check` took them, and their units.
  minimal = self.nixosConfigurations.minimal.config.services.loopkeeper.configFile;
  orchestrator = self.nixosConfigurations.orchestrator.config.services.loopkeeper.configFile;
  unit = self.nixosConfigurations.minimal.config.systemd.units."loopkeeper.service".unit;

  boot = machine "boot";
  secrets = machine "secrets";
  switch = machine "switch";
}
