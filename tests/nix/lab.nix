# A machine of the lab in its generations: what the lab installs of each.
{ nixpkgs }:

let
  evaluate = import ./evaluate.nix { inherit nixpkgs; };

  rig =
    { lib, ... }:
    {
      networking.hostName = "lab";
      users.users.builder = { };
      sops = {
        defaultSopsFile = ../../secrets/example.yaml;
        age.keyFile = "/var/lib/sops-nix/key.txt";
      };
      services.loopkeeper = {
        enable = true;
        proxy.enable = true;
        secrets.gitea-token.key = "gitea/token";
        secrets.ci-key.key = "ci/key";
        workers = {
          builder = {
            kind = "service";
            command = "sha256sum <$CREDENTIALS_DIRECTORY/gitea-token; exec sleep \${SECONDS_TO_SLEEP}";
            environment.SECONDS_TO_SLEEP = lib.mkDefault "1111";
            user = "builder";
            workdir = "/home/builder";
            secrets = [ "gitea-token" ];
            requires = [ "proxy" ];
          };
          adversary = {
            command = [
              "sleep"
              "2222"
            ];
            requires = [ "proxy" ];
          };
          signer = {
            command = [
              "sleep"
              "5555"
            ];
            secrets = [ "ci-key" ];
          };
        };
      };
    };

  generation =
    module:
    let
      evaluated = evaluate [
        rig
        module
      ];
      inherit (evaluated.config) services sops systemd;
    in
    {
      inherit (evaluated) failures toml units;
      wanted = builtins.mapAttrs (_: unit: unit.wantedBy) systemd.units;
      package = services.loopkeeper.package.outPath;
      secrets = builtins.mapAttrs (_: secret: secret.key) sops.secrets;
      keyFile = sops.age.keyFile;
    };

  changed.services.loopkeeper.workers.builder.environment.SECONDS_TO_SLEEP = "3333";
  upgraded =
    { pkgs, ... }:
    {
      services.loopkeeper.package = pkgs.runCommand "loopkeeper" { } "a new version";
    };
in
{
  first = generation { };
  # Another worker alone, and then another supervisor and one more worker as well.
  second = generation changed;
  third = generation {
    imports = [
      changed
      upgraded
    ];
    services.loopkeeper.workers.linter = {
      kind = "service";
      command = "exec sleep 4444";
    };
  };
  proxy = generation {
    imports = [
      changed
      upgraded
    ];
    services.loopkeeper.proxy.maxConnections = 10;
  };
  users = generation {
    imports = [
      changed
      upgraded
    ];
    services.loopkeeper = {
      secrets.proxy-users.key = "proxy/users";
      proxy = {
        maxConnections = 10;
        auth = "proxy-users";
      };
    };
  };
  # The secret from systemd itself, instead of sops-nix.
  credential = generation {
    imports = [
      changed
      upgraded
    ];
    services.loopkeeper.secrets.gitea-token = {
      source = "credential";
      encryptedFile = "/etc/credstore.encrypted/gitea-token";
    };
  };
  # The machine without the rig.
  away = generation (
    { lib, ... }:
    {
      services.loopkeeper.enable = lib.mkForce false;
    }
  );
  systemd = generation { sops.useSystemdActivation = true; };
}
