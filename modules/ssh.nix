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
            t.matching "public key in one line, without the host's name" "(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh.com) [A-Za-z0-9+/]+=*( [^\n]*)?"
          );
          default = [ ];
          example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ…" ];
          description = "Its public keys, by which alone it is believed to be this host ({command}`ssh-keyscan`).";
        };

        identitySecret = mkOption {
          type = types.nullOr t.secretName;
          default = null;
          example = "ci-key";
          description = ''
            The private key with which workers log in there, by the name of its file in their
            {option}`services.loopkeeper.workers.<name>.secrets`. Who has none of that name uses keys of
            its own.
          '';
        };

        throughProxy = mkOption {
          type = types.bool;
          default = cfg.settings ? proxy;
          defaultText = lib.literalMD "whether there is a proxy";
          description = "Whether it is reached through the proxy of the rig.";
        };
      };
    }
  );

  rig = cfg.settings;

  # A proxy that listens at every address is reached at this machine's own.
  proxyAddress = lib.replaceStrings [ "0.0.0.0:" "[::]:" ] [ "127.0.0.1:" "[::1]:" ] (
    rig.proxy.listen or "127.0.0.1:1055"
  );

  # The files that workers have of secrets.
  secretFiles = lib.concatMap (worker: lib.attrNames (worker.secrets or { })) (
    lib.attrValues (rig.workers or { })
  );

  # Who has no such credential is not asked for it.
  stanza =
    name: host:
    lib.concatMapStrings (line: "${line}\n") (
      [
        "Host ${name}"
        "  HostName ${host.hostName}"
        "  Port ${toString host.port}"
        "  StrictHostKeyChecking yes"
        # What people believe besides, in files of their own, does not count.
        "  UserKnownHostsFile /dev/null"
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
            assertion = !host.throughProxy || rig ? proxy;
            message = "${at} is reached through the proxy, and there is none: set services.loopkeeper.proxy.enable, or throughProxy = false.";
          }
          {
            assertion = !host.throughProxy || (rig.proxy.auth or null) == null;
            message = "${at} is reached through the proxy, which asks who somebody is (auth), and ssh has no way to tell it: leave auth out, or set throughProxy = false.";
          }
          {
            assertion = host.identitySecret == null || lib.elem host.identitySecret secretFiles;
            message = "${at}.identitySecret is ${toString host.identitySecret}, and no worker has a file of that name in its secrets.";
          }
        ]
      ) cfg.ssh.hosts
    );
  };
}
