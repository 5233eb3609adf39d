# The SOCKS proxy, through which the workers reach other machines.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib) mkEnableOption mkOption types;

  cfg = config.services.loopkeeper;
  proxy = cfg.proxy;
  t = import ./types.nix { inherit lib; };

  address =
    if lib.hasInfix ":" proxy.listenAddress then "[${proxy.listenAddress}]" else proxy.listenAddress;

  # What there is in the end, also in `settings` alone or in the place of an option.
  rig = cfg.settings.proxy;
  kind = rig.kind or "builtin";
  listen = rig.listen or "127.0.0.1:1055";
  # Its host and its port; what is no address is told by `supervisorctl check`.
  place = builtins.match "\\[?([^]]*)]?:0*([1-9][0-9]*)" listen;
  # Also as an address of IPv6 that is one of IPv4.
  isLoopback =
    place == null
    ||
      builtins.match "127[.].*|(0{0,4}:){2,7}0{0,3}1|(0{0,4}:){2,6}[fF]{4}:(127[.].*|7[fF][0-9a-fA-F]{2}:[0-9a-fA-F]{0,4})" (
        lib.head place
      ) != null;

  destinations =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "10.0.0.0/8:22"
        "*.example.org:443"
      ];
      inherit description;
    };

  # One that is not declared is told by an assertion.
  secret = name: if name == null then null else cfg.secrets.${name}.path or null;

  sections = {
    builtin = {
      inherit (proxy)
        upstream
        idle
        handshake
        connect
        drain
        ;
      allow = if proxy.allow == [ ] then null else proxy.allow;
      deny = if proxy.deny == [ ] then null else proxy.deny;
      max_connections = proxy.maxConnections;
      auth = secret proxy.auth;
    };

    tailscale = {
      inherit (proxy.tailscale) hostname;
      state = proxy.tailscale.stateDir;
      auth_key = secret proxy.tailscale.authKey;
      arguments =
        if proxy.tailscale.extraDaemonFlags == [ ] then null else proxy.tailscale.extraDaemonFlags;
    };

    command = {
      inherit (proxy) command workdir environment;
    };
  };

  foreign = lib.filterAttrs (kind: _: kind != proxy.kind) {
    builtin = t.written sections.builtin != { };
    command = t.written sections.command != { };
    tailscale =
      proxy.tailscale.authKey != null
      || proxy.tailscale.hostname != null
      || proxy.tailscale.extraDaemonFlags != [ ];
  };

  # What the daemon itself tells tailscaled.
  told = lib.filter (
    flag:
    builtins.match "--?(tun|socket|state|statedir|socks5-server|outbound-http-proxy-listen)(=.*)?" flag
    != null
  ) (rig.arguments or [ ]);
in
{
  options.services.loopkeeper.proxy = {
    enable = mkEnableOption "the SOCKS5 proxy, a worker called proxy";

    kind = mkOption {
      type = types.enum [
        "builtin"
        "tailscale"
        "command"
      ];
      default = "builtin";
      description = "Loopkeeper's own, a userspace tailscaled, or any program that listens there.";
    };

    listenAddress = mkOption {
      type = t.address;
      default = "127.0.0.1";
      description = "Where it listens: beyond this machine only the builtin one, and only with auth.";
    };

    port = mkOption {
      type = t.between 1 65535;
      default = 1055;
      description = "The port at which it listens.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether other machines are let to the port of the proxy.";
    };

    auth = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "proxy-users";
      description = "Who may use the builtin one: a name from {option}`services.loopkeeper.secrets`, of lines user:password.";
    };

    allow = destinations "If not empty, the only destinations that the builtin one lets anybody reach.";

    deny = destinations "Destinations that the builtin one lets nobody reach; wins over allow.";

    upstream =
      t.key t.hostPort "127.0.0.1:1080"
        "A SOCKS5 server through which the builtin one sends everything.";

    maxConnections = t.usually (t.between 1 1000000) 1024 "Connections of the builtin one at one time.";

    idle =
      t.usually t.duration "1h"
        "A connection of the builtin one without a byte for so long is closed.";

    handshake =
      t.usually t.duration "10s"
        "How long a client of the builtin one may take to say where it wants to go.";

    connect =
      t.usually t.duration "30s"
        "How long a connection of the builtin one to a destination may take.";

    drain =
      t.usually (t.durationFrom 0) "30s"
        "How long open connections may go on when the builtin one is stopped.";

    tailscale = {
      package = lib.mkPackageOption pkgs "tailscale" { };

      authKey = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "tailscale-auth-key";
        description = "The key with which it joins the tailnet: a name from {option}`services.loopkeeper.secrets`. Of one that is logged in already, as `stateDir` has it, say null.";
      };

      hostname =
        t.key (t.matching "letters, digits and '-'" "[A-Za-z0-9-]{1,63}") "pi"
          "Its name in the tailnet; the host's by default.";

      stateDir = mkOption {
        type = t.matching "absolute path of at most 91 characters" "/[^\n]{0,90}";
        default = "/var/lib/loopkeeper/tailscale";
        description = "Where tailscaled keeps who it is.";
      };

      extraDaemonFlags = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "--verbose=1" ];
        description = "More arguments for tailscaled.";
      };
    };

    command = t.key t.command [
      "ssh"
      "-N"
      "-D"
      "127.0.0.1:1055"
      "gateway"
    ] "What is run as the proxy; it has to listen at the address and port of the other options.";

    workdir =
      t.key t.absolutePath "/srv"
        "Where the command is run; {file}`/etc/loopkeeper` by default.";

    environment = mkOption {
      type = t.environment;
      default = { };
      example = {
        SSH_AUTH_SOCK = "/run/agent";
      };
      description = "Added to the environment of the command.";
    };

    serviceOverrides = mkOption {
      type = t.serviceProperties;
      default = { };
      example = {
        MemoryMax = "256M";
      };
      description = "What else systemd is told of its service; takes the place of how the builtin one is confined.";
    };
  };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      (lib.mkIf proxy.enable {
        services.loopkeeper.settings.proxy = t.overridable (
          t.written (
            {
              inherit (proxy) kind;
              listen = "${address}:${toString proxy.port}";
              systemd = proxy.serviceOverrides;
            }
            // sections.${proxy.kind}
          )
        );

        assertions =
          lib.mapAttrsToList (kind: isSet: {
            assertion = !isSet;
            message = "services.loopkeeper.proxy has options of the ${kind} proxy, and its kind is ${proxy.kind}.";
          }) foreign
          ++
            lib.mapAttrsToList
              (key: name: {
                assertion = name == null || cfg.secrets ? ${name} || rig ? ${key};
                message = "services.loopkeeper.proxy names a secret that is not declared: ${toString name}. Declare services.loopkeeper.secrets.${toString name}.";
              })
              {
                inherit (proxy) auth;
                auth_key = proxy.tailscale.authKey;
              };
      })

      (lib.mkIf (cfg.settings ? proxy) {
        systemd.services.loopkeeper.path = lib.mkIf (kind == "tailscale") [ proxy.tailscale.package ];

        networking.firewall.allowedTCPPorts = lib.mkIf (proxy.openFirewall && place != null) [
          (lib.toInt (lib.last place))
        ];

        assertions = [
          {
            assertion = proxy.enable;
            message = "services.loopkeeper.settings.proxy is there, and services.loopkeeper.proxy.enable is not said: with true there is a proxy, of the options and of these settings; with false there is none, whatever they say.";
          }
          {
            assertion =
              kind != "tailscale"
              || t.isSaid options.services.loopkeeper.proxy.tailscale.authKey
              || rig ? auth_key;
            message = ''
              services.loopkeeper.proxy of kind tailscale has no auth key, and nobody could log it in. Make one at https://login.tailscale.com/admin/settings/keys, encrypt it with sops, declare it as services.loopkeeper.secrets.<name>, and name it in services.loopkeeper.proxy.tailscale.authKey. Of one that is logged in already, say authKey = null.
            '';
          }
          {
            assertion = kind != "tailscale" || told == [ ];
            message = "services.loopkeeper.proxy.tailscale.extraDaemonFlags has what is set already: ${toString told}. Where it keeps its state is stateDir, where it listens are listenAddress and port.";
          }
          {
            assertion = kind != "tailscale" || lib.removeSuffix "/" (rig.state or "") != "/var/lib/loopkeeper";
            message = "services.loopkeeper.proxy.tailscale.stateDir is the directory of the daemon itself: take one in it, such as /var/lib/loopkeeper/tailscale.";
          }
          {
            assertion = kind != "command" || rig ? command;
            message = "services.loopkeeper.proxy of kind command has no command.";
          }
          {
            assertion = isLoopback || (kind == "builtin" && (rig ? auth || proxy.auth != null));
            message = "services.loopkeeper.proxy listens at ${listen}, where other machines reach it: that takes the builtin one, with auth. Whoever reaches an open proxy can use your network.";
          }
          {
            assertion = !proxy.openFirewall || !isLoopback;
            message = "services.loopkeeper.proxy.openFirewall opens a port at which nobody but this machine can be: set listenAddress, and auth.";
          }
        ];
      })
    ]
  );
}
