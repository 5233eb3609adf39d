# Of the proxy.
let
  proxy = attributes: {
    services.loopkeeper.proxy = attributes;
  };
in
{
  tailscale-without-a-key = {
    module = proxy { kind = "tailscale"; };
    says = "has no auth key";
  };
  command-without-a-command = {
    module = proxy { kind = "command"; };
    says = "kind command has no command";
  };
  options-of-another-proxy = {
    module = proxy { command = "true"; };
    says = "has options of the command proxy, and its kind is builtin";
  };
  options-of-tailscale = {
    module = proxy { tailscale.hostname = "pi"; };
    says = "has options of the tailscale proxy, and its kind is builtin";
  };
  limits-of-the-builtin-one = {
    module = proxy {
      kind = "command";
      command = "true";
      drain = "1m";
    };
    says = "has options of the builtin proxy, and its kind is command";
  };
  tailscaled-with-two-states = {
    module = proxy {
      kind = "tailscale";
      tailscale = {
        authKey = "token";
        extraDaemonFlags = [
          "--verbose=1"
          "--statedir=/var/lib/tailscale"
        ];
      };
    };
    says = "what is set already: --statedir=/var/lib/tailscale";
  };
  tailscale-in-the-daemons-own-directory = {
    module = proxy {
      kind = "tailscale";
      tailscale = {
        authKey = "token";
        stateDir = "/var/lib/loopkeeper/";
      };
    };
    says = "is the directory of the daemon itself";
  };
  proxy-with-an-unknown-secret = {
    module = proxy { auth = "users"; };
    says = "Declare services.loopkeeper.secrets.users";
  };
  open-proxy = {
    module = proxy { listenAddress = "0.0.0.0"; };
    says = "Whoever reaches an open proxy can use your network";
  };
  open-firewall-for-nobody = {
    module = proxy { openFirewall = true; };
    says = "at which nobody but this machine can be";
  };
  proxy-that-settings-open = {
    module.services.loopkeeper.settings.proxy.listen = "10.0.0.1:1080";
    says = "listens at 10.0.0.1:1080, where other machines reach it";
  };
  tailscale-of-settings-in-the-daemons-own-directory = {
    module.services.loopkeeper.settings.proxy = {
      kind = "tailscale";
      state = "/var/lib/loopkeeper";
      auth_key = "/etc/tailscale-key";
    };
    says = "is the directory of the daemon itself";
  };
}
