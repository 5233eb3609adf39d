# Generations of one machine, each with one thing changed.
{ nixpkgs }:

let
  evaluate =
    module:
    import ./evaluate.nix { inherit nixpkgs; } [
      ../../hosts/orchestrator
      module
    ];
  units = module: (evaluate module).units;

  path =
    { pkgs, ... }:
    {
      services.loopkeeper.workers.builder.path = [ pkgs.curl ];
    };

  # Each thing that can name a secret does.
  named =
    (evaluate (
      { lib, ... }:
      {
        services.loopkeeper.secrets.users = { };
        services.loopkeeper.proxy = {
          kind = lib.mkForce "builtin";
          tailscale = lib.mkForce { };
          auth = "users";
        };
        services.loopkeeper.ssh.hosts.ci.throughProxy = false;
      }
    )).config.sops.secrets;
in
{
  # Whom sops-nix is to restart, and for which secret.
  restarted = builtins.concatMap (
    name: map (unit: "${unit} for ${name}") named.${name}.restartUnits
  ) (builtins.attrNames named);

  first = units { };
  worker = units { services.loopkeeper.workers.builder.keepAttempts = 50; };
  # Whose user gets a package of its own.
  withPath = (evaluate path).toml;
  withPathAndPackages =
    (evaluate (
      { pkgs, ... }:
      {
        imports = [ path ];
        users.users.builder.packages = [ pkgs.git ];
      }
    )).toml;
  package = units (
    { pkgs, ... }:
    {
      services.loopkeeper.package = pkgs.runCommand "loopkeeper" { } "a new version";
    }
  );
  systemdActivation = units { sops.useSystemdActivation = true; };
  # What comes of a template of sops is a file, whose unit is the same one.
  template = units (
    { config, lib, ... }:
    {
      sops.useSystemdActivation = true;
      services.loopkeeper.secrets = lib.genAttrs [ "ci-key" "gitea-token" "tailscale-auth-key" ] (
        name:
        lib.mkForce {
          source = "file";
          path = "/run/secrets/rendered/${name}";
        }
      );
      services.tailscale = {
        enable = true;
        authKeyFile = config.services.loopkeeper.secrets.tailscale-auth-key.path;
      };
    }
  );
  tailscale = units (
    { config, ... }:
    {
      sops.useSystemdActivation = true;
      services.tailscale = {
        enable = true;
        authKeyFile = config.services.loopkeeper.secrets.tailscale-auth-key.path;
      };
    }
  );
  credential = units (
    { lib, ... }:
    {
      services.loopkeeper.secrets.ci-key = lib.mkForce {
        source = "credential";
        encryptedFile = "/etc/credstore.encrypted/ci-key";
      };
    }
  );
}
