# services.loopkeeper: a rig that is declared here, checked when it is built and kept by systemd.
{
  imports = [
    ./agents.nix
    ./catalog.nix
    ./credentials.nix
    ./hosts.nix
    ./plan.nix
    ./proxy.nix
    ./secrets.nix
    ./service.nix
    ./settings.nix
    ./ssh.nix
    ./units.nix
    ./workers.nix
  ];
}
