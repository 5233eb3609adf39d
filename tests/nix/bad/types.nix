# What no type of an option takes.
let
  worker = attributes: {
    services.loopkeeper.workers.builder = attributes;
  };
  type = "is not of type";
in
{
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
  worktree-of-another-host-by-home = {
    module = worker { worktree = "~/builder"; };
    inherit type;
  };
  host-that-is-an-option = {
    module.services.loopkeeper.hosts.attic.ssh = "-oProxyCommand=date";
    inherit type;
  };
  host-with-a-password = {
    module.services.loopkeeper.hosts.attic.ssh = "op:secret@attic";
    inherit type;
  };
  host-with-port-0 = {
    module.services.loopkeeper.hosts.attic.ssh = "attic:0";
    inherit type;
  };
  host-with-records-above-home = {
    module.services.loopkeeper.hosts.attic = {
      ssh = "attic";
      path = "a/../..";
    };
    inherit type;
  };
  worktree-by-a-program = {
    module.services.loopkeeper.workers.reviewer = {
      command = "true";
      worktree = {
        path = "/srv/reviewer";
        repo = "ext::sh -c date";
      };
    };
    inherit type;
  };
  misspelt-option = {
    module = worker { worktre = "/srv/builder"; };
    type = "does not exist";
  };
}
