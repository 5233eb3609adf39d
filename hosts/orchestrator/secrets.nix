# Where its secrets come from: one encrypted file, and the one key that is placed by hand.
{
  sops = {
    defaultSopsFile = ../../secrets/example.yaml;
    age = {
      keyFile = "/var/lib/sops-nix/key.txt";
      sshKeyPaths = [ ];
      generateKey = false;
    };
    gnupg.sshKeyPaths = [ ];
  };

  services.loopkeeper.secrets = {
    ci-key.key = "ci/key";
    gitea-token.key = "gitea/token";
    tailscale-auth-key.key = "tailscale/auth-key";
  };
}
