# A virtual machine of Incus with 2 GB and 2 processors, which cloud-init makes reachable.
{ lib, ... }:

{
  # What of the machine is told from outside: its network.
  services.cloud-init = {
    enable = true;
    network.enable = true;
    settings = {
      datasource_list = [
        "LXD"
        "NoCloud"
      ];
      # The rest is declared in here.
      preserve_hostname = true;
      users = [ ];
    };
  };
  networking.useDHCP = lib.mkDefault false;

  services.openssh = {
    enable = true;
    settings = {
      PasswordAuthentication = false;
      PermitRootLogin = "prohibit-password";
    };
  };

  # Compressed memory, before a loop that grows is ended.
  zramSwap.enable = true;

  nix = {
    settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    # Who may become root anyway: what they built elsewhere is taken without a signature.
    settings.trusted-users = [ "@wheel" ];
    # Old generations; those that run are not taken.
    gc = {
      automatic = true;
      options = "--delete-older-than 30d";
    };
  };

  # A reboot that nobody asked for is a non-event too, but the disk is not for crash dumps.
  boot.kernel.sysctl."kernel.panic" = 10;
}
