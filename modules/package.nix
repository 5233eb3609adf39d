# Both programs, their manual pages, completions and the catalog of the journal's messages.
{
  lib,
  installShellFiles,
  rustPlatform,
  stdenv,
}:

rustPlatform.buildRustPackage {
  pname = "loopkeeper";
  inherit ((lib.importTOML ../Cargo.toml).package) version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../.config
      ../Cargo.lock
      ../Cargo.toml
      ../README.md
      ../clippy.toml
      ../rustfmt.toml
      ../src
      ../tests
    ];
  };

  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # They want tmux, sshd, namespaces and a terminal: a check of the flake, not of each build.
  doCheck = false;

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    $out/bin/supervisorctl man --directory $out/share/man
    for shell in bash fish zsh; do
      $out/bin/supervisorctl completions $shell > supervisorctl.$shell
    done
    installShellCompletion supervisorctl.{bash,fish,zsh}
    mkdir -p $out/lib/systemd/catalog
    $out/bin/supervisorctl generate catalog > $out/lib/systemd/catalog/loopkeeper.catalog
  '';

  meta = {
    description = "Keeps loops running, through crashes, upgrades and reboots";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "supervisorctl";
    platforms = lib.platforms.linux;
  };
}
