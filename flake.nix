{
  description = "Loopkeeper keeps loops running, through crashes, upgrades and reboots";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    sops-nix = {
      url = "github:Mic92/sops-nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      sops-nix,
    }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forAllSystems = function: lib.genAttrs systems (system: function nixpkgs.legacyPackages.${system});
      packageFor = pkgs: self.packages.${pkgs.stdenv.hostPlatform.system}.default;

      hosts = lib.attrNames (lib.filterAttrs (_: type: type == "directory") (builtins.readDir ./hosts));
    in
    {
      packages = forAllSystems (pkgs: rec {
        loopkeeper = pkgs.callPackage ./modules/package.nix { };
        default = loopkeeper;
        # What can be declared: nix build .#options
        options = pkgs.callPackage ./modules/options.nix {
          inherit (lib) nixosSystem;
          module = self.nixosModules.default;
        };
      });

      overlays.default = final: _: {
        loopkeeper = final.callPackage ./modules/package.nix { };
      };

      # services.loopkeeper, with sops-nix: the one module that a machine needs. Who has sops-nix as an
      # input already imports `loopkeeper`.
      nixosModules = {
        default.imports = [
          self.nixosModules.loopkeeper
          sops-nix.nixosModules.sops
        ];
        loopkeeper =
          { lib, pkgs, ... }:
          {
            imports = [ ./modules ];
            services.loopkeeper.package = lib.mkDefault (packageFor pkgs);
          };
      };

      nixosConfigurations = lib.genAttrs hosts (
        host:
        lib.nixosSystem {
          modules = [
            self.nixosModules.default
            (./hosts + "/${host}")
          ];
        }
      );

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (packageFor pkgs) ];
          packages = with pkgs; [
            # cargo and what tests/run calls
            cargo-nextest
            clippy
            deadnix
            nixfmt
            rust-analyzer
            rustfmt
            shellcheck
            # what the tests run
            age
            bashInteractive
            curl
            e2fsprogs
            git
            iproute2
            jq
            mmdebstrap
            nmap
            openssh
            procps
            (python3.withPackages (
              packages: with packages; [
                cryptography
                pyyaml
              ]
            ))
            qemu
            socat
            sops
            tmux
            util-linux
            vim
          ];
        };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);

      apps = forAllSystems (pkgs: {
        demo = {
          type = "app";
          program = lib.getExe (
            pkgs.writeShellApplication {
              name = "loopkeeper-demo";
              runtimeInputs = [
                (packageFor pkgs)
                pkgs.git
                pkgs.tmux
              ];
              text = ''exec supervisorctl demo "$@"'';
            }
          );
          meta.description = "A whole rig in a temporary directory: crashes, a killed daemon, a plan";
        };
      });

      checks = forAllSystems (
        pkgs:
        import ./tests/nix/checks.nix {
          inherit pkgs self;
          package = packageFor pkgs;
        }
      );
    };
}
