# What NixOS has and the module uses: units with their real types, assertions and ssh as they are, and
# of the rest stand-ins, which hold what they are given.
{ nixpkgs }:

{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  inherit (lib) mkOption types;
  inherit (utils) systemdUtils;

  stub =
    default:
    mkOption {
      type = types.anything;
      inherit default;
      description = "A stand-in.";
    };

  units =
    kind: ending:
    lib.mapAttrs' (
      name: unit: lib.nameValuePair "${name}.${ending}" (systemdUtils.lib."${kind}ToUnit" name unit)
    );
in
{
  imports = [
    (nixpkgs + "/nixos/modules/misc/assertions.nix")
    (nixpkgs + "/nixos/modules/programs/ssh.nix")
  ];

  options = {
    boot = stub { };
    documentation = stub { };
    fileSystems = stub { };
    nix = stub { };
    nixpkgs = stub { };
    security = stub { };
    specialisation = stub { };
    services.cloud-init = stub { };
    services.openssh = stub { };
    services.xserver.enable = stub false;
    swapDevices = stub [ ];
    system = stub { };
    time = stub { };
    virtualisation = stub { };
    zramSwap = stub { };
    networking = stub { };

    environment.etc = mkOption {
      type = types.attrsOf (
        types.submodule {
          options = {
            source = mkOption { type = types.either types.package types.path; };
            text = mkOption { type = types.lines; };
          };
        }
      );
      default = { };
    };
    environment.extraInit = stub "";
    environment.variables = stub { };
    environment.systemPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
    };

    services.tailscale = {
      enable = mkOption {
        type = types.bool;
        default = false;
      };
      authKeyFile = mkOption {
        type = types.nullOr types.path;
        default = null;
      };
    };

    systemd = {
      package = mkOption {
        type = types.package;
        default = pkgs.systemd;
      };
      globalEnvironment = mkOption {
        type = types.attrsOf types.str;
        default = { };
      };
      services = mkOption {
        type = systemdUtils.types.services;
        default = { };
      };
      sockets = mkOption {
        type = systemdUtils.types.sockets;
        default = { };
      };
      slices = mkOption {
        type = systemdUtils.types.slices;
        default = { };
      };
      units = mkOption { type = systemdUtils.types.units; };
      tmpfiles.rules = mkOption {
        type = types.listOf types.str;
        default = [ ];
      };
      user = stub { };
    };

    users = {
      users = mkOption {
        type = types.attrsOf types.anything;
        default = { };
      };
      groups = mkOption {
        type = types.attrsOf types.anything;
        default = { };
      };
    };
  };

  config = {
    networking.enableIPv6 = true;
    services.openssh.forwardX11 = false;
    networking.hostName = lib.mkOptionDefault "host";
    systemd.units =
      units "service" "service" config.systemd.services
      // units "socket" "socket" config.systemd.sockets
      // units "slice" "slice" config.systemd.slices;
  };
}
