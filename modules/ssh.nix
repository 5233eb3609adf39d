# Other machines, as ssh(1) finds them: through the proxy, and known by their pinned keys.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.loopkeeper;
  t = import ./types.nix { inherit lib; };

  host = types.submodule (
    { name, ... }:
    {
      options = {
        hostName = mkOption {
          type = t.matching "host name or address" "[A-Za-z0-9_][A-Za-z0-9._:-]*";
          default = name;
          defaultText = lib.literalMD "its name";
          example = "ci.example.org";
          description = "Where it is.";
        };

        port = mkOption {
          type = types.port;
          default = 22;
          description = "The port of its sshd.";
        };

        user = t.key (t.matching "user name" "[A-Za-z0-9_][A-Za-z0-9._-]*") "ci" "Whom to log in as.";

        hostKeys = mkOption {
          type = types.listOf (
            t.matching "public key in one line, without the host's name" "(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh.com) [A-Za-z0-9+/]+=*"
          );
          default = [ ];
          example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ…" ];
          description = "Its public keys, by which alone it is believed to be this host ({command}`ssh-keyscan`).";
        };

        identitySecret = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "ci-key";
          description = ''
            Its name in {option}`services.loopkeeper.workers.<name>.secrets` of the workers that log in
            there: the private key with which they do. Others use their own keys.
          '';
        };

        throughProxy = mkOption {
          type = types.bool;
          default = cfg.proxy.enable;
          defaultText = lib.literalExpression "config.services.loopkeeper.proxy.enable";
          description = "Whether it is reached through the proxy of the rig.";
        };
      };
    }
  );

  # A proxy that listens at every address is reached at this machine's own.
  proxyHost =
    {
      "0.0.0.0" = "127.0.0.1";
      "::" = "::1";
    }
    .${cfg.proxy.listenAddress} or cfg.proxy.listenAddress;
  proxyAddress = "${
    if lib.hasInfix ":" proxyHost then "[${proxyHost}]" else proxyHost
  }:${toString cfg.proxy.port}";

  # Who has no such credential is not asked for it.
  stanza =
    name: host:
    lib.concatMapStrings (line: "${line}\n") (
      [
        "Host ${name}"
        "  HostName ${host.hostName}"
        "  Port ${toString host.port}"
        "  StrictHostKeyChecking yes"
      ]
      ++ lib.optional (host.user != null) "  User ${host.user}"
      ++ lib.optional host.throughProxy "  ProxyCommand ${pkgs.netcat}/bin/nc -X 5 -x ${proxyAddress} %h %p"
      ++ lib.optionals (host.identitySecret != null) [
        "Match originalhost ${name} exec \"test -r $CREDENTIALS_DIRECTORY/${host.identitySecret}\""
        "  IdentityFile \${CREDENTIALS_DIRECTORY}/${host.identitySecret}"
        "  IdentitiesOnly yes"
      ]
    );

  # As ssh looks a host up: by its address, and its port where that is another one.
  knownAs =
    host: if host.port == 22 then host.hostName else "[${host.hostName}]:${toString host.port}";

  knownHosts = lib.concatLists (
    lib.mapAttrsToList (
      name: host:
      lib.imap0 (index: key: {
        name = "loopkeeper-${name}-${toString index}";
        value = {
          hostNames = [ (knownAs host) ];
          publicKey = key;
        };
      }) host.hostKeys
    ) cfg.ssh.hosts
  );
in
{
  options.services.loopkeeper.ssh.hosts = mkOption {
    type = types.attrsOf host;
    default = { };
    example = lib.literalExpression ''
      {
        ci = {
          hostName = "ci.example.org";
          user = "ci";
          hostKeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ…" ];
          identitySecret = "ci-key";
        };
      }
    '';
    description = "Machines that the workers reach by {command}`ssh`, through the proxy.";
  };

  config = lib.mkIf cfg.enable {
    programs.ssh = {
      extraConfig = lib.mkIf (cfg.ssh.hosts != { }) (
        lib.concatStrings (lib.mapAttrsToList stanza cfg.ssh.hosts)
        # What follows is about every host again.
        + "Match all\n"
      );
      knownHosts = lib.listToAttrs knownHosts;
    };

    assertions = lib.concatLists (
      lib.mapAttrsToList (
        name: host:
        let
          at = "services.loopkeeper.ssh.hosts.${name}";
        in
        [
          {
            assertion = builtins.match "[A-Za-z0-9_][A-Za-z0-9._-]*" name != null;
            message = "${at}: a name that ssh would take for a pattern.";
          }
          {
            assertion = host.hostKeys != [ ];
            message = "${at} has no hostKeys, and nobody would know who answers there: ssh-keyscan ${host.hostName}, and compare what it says with the host.";
          }
          {
            assertion = !host.throughProxy || cfg.proxy.enable;
            message = "${at} is reached through the proxy, and there is none: set services.loopkeeper.proxy.enable, or throughProxy = false.";
          }
          {
            assertion = host.identitySecret == null || cfg.secrets ? ${host.identitySecret};
            message = "${at}.identitySecret is not declared: services.loopkeeper.secrets.${toString host.identitySecret}.";
          }
        ]
      ) cfg.ssh.hosts
    );
  };
}
