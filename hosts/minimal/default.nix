# The smallest rig: one loop, and the proxy through which it reaches other machines.
{ modulesPath, ... }:

{
  # The disk, the boot loader and the agent of a virtual machine of Incus; of a machine of your own,
  # its hardware-configuration.nix instead.
  imports = [ (modulesPath + "/virtualisation/incus-virtual-machine.nix") ];

  networking.hostName = "minimal";
  nixpkgs.hostPlatform = "x86_64-linux";
  system.stateVersion = "26.05";

  services.loopkeeper = {
    enable = true;
    proxy.enable = true;
    workers.builder = {
      command = [ "./loop.sh" ];
      worktree = "/srv/builder";
      requires = [ "proxy" ];
    };
  };
}
