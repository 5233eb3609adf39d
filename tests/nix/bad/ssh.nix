# Of other machines.
{
  host-without-keys = {
    module.services.loopkeeper.ssh.hosts.ci = { };
    says = "ssh-keyscan ci";
  };
  host-that-is-a-pattern = {
    module.services.loopkeeper.ssh.hosts."*" = {
      hostName = "ci";
      hostKeys = [ "ssh-ed25519 AAAA" ];
    };
    says = "take for a pattern";
  };
  host-behind-no-proxy = {
    module =
      { lib, ... }:
      {
        services.loopkeeper.proxy.enable = lib.mkForce false;
        services.loopkeeper.ssh.hosts.ci = {
          hostKeys = [ "ssh-ed25519 AAAA" ];
          throughProxy = true;
        };
      };
    says = "throughProxy = false";
  };
  host-with-an-identity-of-nobody = {
    # That is the secret's name, and not the file's.
    module = {
      services.loopkeeper.ssh.hosts.ci = {
        hostKeys = [ "ssh-ed25519 AAAA" ];
        identitySecret = "token";
      };
      services.loopkeeper.workers.builder.secrets.ci-key = "token";
    };
    says = "no worker has a file of that name in its secrets";
  };
  host-behind-a-proxy-that-asks-who-it-is = {
    module = {
      services.loopkeeper.proxy.auth = "token";
      services.loopkeeper.ssh.hosts.ci.hostKeys = [ "ssh-ed25519 AAAA" ];
    };
    says = "ssh has no way to tell it";
  };
}
