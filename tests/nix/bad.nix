# Bad examples, each by what is wrong with it: a module that makes it of a good one, and words of the
# message that says so. `type` is for what no type of an option takes.
let
  worker = attributes: {
    services.loopkeeper.workers.builder = attributes;
  };
  proxy = attributes: {
    services.loopkeeper.proxy = attributes;
  };
  secret = attributes: {
    services.loopkeeper.secrets.token = attributes;
  };
  type = "is not of type";
in
{
  # What the examples are made of; nothing is wrong with it.
  good =
    { lib, ... }:
    {
      sops.defaultSopsFile = lib.mkDefault "/secrets.yaml";
      users.users.somebody = { };
      services.loopkeeper = {
        enable = true;
        proxy.enable = true;
        plan.phases = lib.mkDefault [ "1d" ];
        secrets.token = { };
        workers = {
          builder = {
            command = [ "./loop.sh" ];
            worktree = "/srv/builder";
          };
          adversary = {
            command = [ "./review.sh" ];
            worktree = "/srv/adversary";
          };
        };
      };
    };

  # Of each, nothing is to be said either.
  right = {
    rig-in-settings =
      { lib, ... }:
      {
        services.loopkeeper = {
          workers = lib.mkForce { };
          proxy.enable = lib.mkForce false;
          plan.phases = lib.mkForce [ ];
          settings = {
            proxy.kind = "builtin";
            plan.phases = [
              "1e"
              { id = "2"; }
            ];
            workers.reviewer.command = "true";
          };
          # It may name what is there alone.
          ssh.hosts.ci.hostKeys = [ "ssh-ed25519 AAAA of the host" ];
        };
      };
    worker-with-what-settings-have.services.loopkeeper = {
      workers.builder = {
        requires = [ "reviewer" ];
        phases = [ "2" ];
      };
      settings = {
        plan.phases = [ { id = "2"; } ];
        workers.reviewer.command = "true";
      };
    };
    tailscale-with-a-key-in-settings = {
      services.loopkeeper = {
        proxy.kind = "tailscale";
        settings.proxy.auth_key = "/etc/tailscale-key";
      };
    };
    hardware-key.services.loopkeeper.ssh.hosts.ci.hostKeys = [
      "sk-ecdsa-sha2-nistp256@openssh.com AAAA"
    ];
  };

  # Not a mistake for sure, and said nevertheless.
  warned = {
    services.loopkeeper.operators = [ "alice" ];
  };

  examples = {
    nothing-to-run = {
      module =
        { lib, ... }:
        {
          services.loopkeeper.workers = lib.mkForce { };
          services.loopkeeper.proxy.enable = lib.mkForce false;
        };
      says = "nothing to keep running";
    };
    reserved-name = {
      module.services.loopkeeper.workers.watchdog.command = "true";
      says = "not a worker's name";
    };
    name-with-a-space = {
      module.services.loopkeeper.workers."a b".command = "true";
      says = "not a worker's name";
    };
    unknown-dependency = {
      module = worker { requires = [ "revewer" ]; };
      says = "not declared: revewer. There are: adversary builder";
    };
    proxy-that-is-not-there = {
      module =
        { lib, ... }:
        {
          services.loopkeeper.proxy.enable = lib.mkForce false;
          services.loopkeeper.workers.builder.requires = [ "proxy" ];
        };
      says = "set services.loopkeeper.proxy.enable";
    };
    circle = {
      module.services.loopkeeper.workers = {
        builder.requires = [ "adversary" ];
        adversary.requires = [ "builder" ];
      };
      says = "a circle of requirements";
    };
    itself = {
      module = worker { requires = [ "builder" ]; };
      says = "a circle of requirements";
    };
    worktree-twice = {
      module.services.loopkeeper.workers.reviewer = {
        command = "true";
        worktree = "/srv/builder/";
      };
      says = "is that of builder as well";
    };
    unknown-phase = {
      module = worker { phases = [ "1e" ]; };
      says = "not in the plan: 1e. There are: 1d";
    };
    phase-twice = {
      module.services.loopkeeper.plan.phases = [
        "1d"
        "1d"
      ];
      says = "an id is there twice";
    };
    phase-with-two-ends = {
      module.services.loopkeeper.plan.phases = [
        {
          id = "1e";
          until = {
            file = "/a";
            command = "true";
          };
        }
      ];
      says = "`until` of phase 1e has to have either";
    };
    phase-with-half-an-end = {
      module.services.loopkeeper.plan.phases = [
        {
          id = "1e";
          until.line = "done";
        }
      ];
      says = "`until` of phase 1e has to have either";
    };
    unknown-secret = {
      module = worker { secrets = [ "tokn" ]; };
      says = "Declare services.loopkeeper.secrets.<name>";
    };
    variable-of-no-secret = {
      module = worker { environmentFrom = [ "token" ]; };
      says = "environmentFrom names what is not in its secrets: token";
    };
    variable-twice = {
      module = worker {
        secrets = [ "token" ];
        environmentFrom = [ "token" ];
        environment.TOKEN = "x";
      };
      says = "there twice, reserved or not valid: TOKEN";
    };
    session-and-launcher = {
      module = worker {
        session = true;
        launcher = "process";
      };
      says = "session is short for a launcher";
    };
    unknown-user = {
      module = worker { user = "nobody-of-this-name"; };
      says = "Declare users.users.nobody-of-this-name";
    };
    backoff-backwards = {
      module = worker {
        backoff.first = "2m";
        backoff.most = "90s";
      };
      says = "first is longer than most";
    };
    ready-by-nothing = {
      module = worker { ready.every = "1s"; };
      says = "ready has to have exactly one";
    };
    alive-by-two = {
      module = worker {
        alive = {
          tcp = "127.0.0.1:1";
          socks = "127.0.0.1:1";
        };
      };
      says = "alive has to have exactly one";
    };

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

    secret-in-the-store = {
      module = secret {
        source = "file";
        path = "/nix/store/00000000000000000000000000000000-token";
      };
      says = "is in the Nix store, where everybody on this machine can read it";
    };
    secret-that-would-be-copied-into-the-store = {
      module = secret {
        source = "file";
        path = ./bad.nix;
      };
      says = "is in the Nix store, where everybody on this machine can read it";
    };
    secret-with-a-relative-path = {
      module = secret {
        source = "file";
        path = "token";
      };
      says = "path is not absolute";
    };
    encrypted-file-of-another-source = {
      module = secret { encryptedFile = "/etc/credstore.encrypted/token"; };
      says = "belong together";
    };
    credential-without-a-file = {
      module = secret { source = "credential"; };
      says = "belong together";
    };
    secret-with-a-bad-name = {
      module.services.loopkeeper.secrets."gitea/token" = { };
      says = "and its key \"gitea/token\"";
    };
    secret-of-sops-elsewhere = {
      module = secret { path = "/etc/token"; };
      says = "path is for source = \"file\"";
    };
    key-of-a-file = {
      module = secret {
        source = "file";
        path = "/etc/token";
        key = "gitea/token";
      };
      says = "key and sopsFile are for source = \"sops\"";
    };
    sops-file-of-a-credential = {
      module = secret {
        source = "credential";
        encryptedFile = "/etc/credstore.encrypted/token";
        sopsFile = "/secrets.yaml";
      };
      says = "key and sopsFile are for source = \"sops\"";
    };
    settings-with-a-secret-in-the-store = {
      module.services.loopkeeper.settings.workers.builder.secrets.token = ./bad.nix;
      says = "settings.workers.builder.secrets.token is in the Nix store";
    };
    settings-with-users-in-the-store = {
      module.services.loopkeeper.settings.proxy.auth =
        "/nix/store/00000000000000000000000000000000-users";
      says = "settings.proxy.auth is in the Nix store";
    };
    secret-in-a-file-with-a-bad-name = {
      module = worker { secrets."gitea/token" = "token"; };
      says = "secrets: not names of files: gitea/token";
    };
    path-twice = {
      module =
        { pkgs, ... }:
        worker {
          path = [ pkgs.git ];
          environment.PATH = "/srv/bin";
        };
      says = "path makes the PATH that is in its environment too";
    };

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

    command-in-two-files = {
      module.imports = [
        (worker { command = [ "./other.sh" ]; })
      ];
      inherit type;
    };
    plan-in-two-files = {
      module.imports = [
        { services.loopkeeper.plan.phases = [ "1d" ]; }
        { services.loopkeeper.plan.phases = [ "1e" ]; }
      ];
      inherit type;
    };
    path-of-two-lines = {
      module = worker { workdir = "/srv\n/builder"; };
      inherit type;
    };
    address-of-colons = {
      module = worker { ready.tcp = "[:::::]:80"; };
      inherit type;
    };
    empty-command = {
      module = worker { command = [ ]; };
      inherit type;
    };
    number-for-a-duration = {
      module = worker { stop.grace = "30"; };
      inherit type;
    };
    days = {
      module = worker { budget.window = "1d"; };
      inherit type;
    };
    too-small-a-size = {
      module = worker { keepOutput = "1KiB"; };
      inherit type;
    };
    port-too-high = {
      module = worker { ready.tcp = "127.0.0.1:65536"; };
      inherit type;
    };
    reserved-variable = {
      module = worker { environment.LOOPKEEPER_PHASE = "1d"; };
      inherit type;
    };
    relative-worktree = {
      module = worker { worktree = "builder"; };
      inherit type;
    };
    misspelt-option = {
      module = worker { worktre = "/srv/builder"; };
      type = "does not exist";
    };
  };
}
