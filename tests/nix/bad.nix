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
        plan.phases = [ "1d" ];
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
      module.services.loopkeeper.plan.phases = [ "1d" ];
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
      module.services.loopkeeper.secrets."a/b" = { };
      says = "not a name of a file";
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
    host-with-an-unknown-identity = {
      module.services.loopkeeper.ssh.hosts.ci = {
        hostKeys = [ "ssh-ed25519 AAAA" ];
        identitySecret = "ci-key";
      };
      says = "identitySecret is not declared";
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
