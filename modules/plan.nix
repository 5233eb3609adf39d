# The plan: the phases that the loops work through.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;

  cfg = config.services.loopkeeper;
  t = import ./types.nix { inherit lib; };

  condition = types.submodule {
    options = {
      file = t.key t.absolutePath "/srv/plan/1d.done" "Over when this file exists.";
      line =
        t.key (t.matching "line with a text" "[^\n]*[^ \t\n][^\n]*") "1d: done"
          "Over when the file has this line.";
      command = t.key t.command [
        "make"
        "check"
      ] "Over when it exits with 0. It runs as the daemon's user, root as a rule, in /etc/loopkeeper.";
      every = t.usually (t.durationFrom 10) "1m" "From the end of one try of the command to the next.";
    };
  };

  phase = types.submodule {
    options = {
      id = mkOption {
        type = t.name;
        example = "1d";
        description = "Its name, unique in the plan.";
      };
      brief =
        t.key (t.orFile t.absolutePath) "/srv/plan/1d.md"
          "The file that the loops are pointed to, by {env}`LOOPKEEPER_BRIEF`; a path of Nix is one of the flake, of which a loop that runs has the text of its last start.";
      until = mkOption {
        type = types.coercedTo (types.enum [ "operator" ]) (_: { }) condition;
        default = "operator";
        example = {
          file = "/srv/plan/1d.done";
        };
        description = "When it is over: by itself, or when the operator says {command}`supervisorctl phase done`.";
      };
    };
  };

  # What there is in the end; `settings` may have taken the place of it.
  phases = lib.filter (phase: phase ? id) (cfg.settings.plan.phases or [ ]);
  ids = map (phase: phase.id) phases;
  # Those that are over by themselves.
  conditions = lib.filter (phase: lib.isAttrs (phase.until or null)) phases;
in
{
  options.services.loopkeeper.plan = {
    phases = mkOption {
      type = t.once (types.listOf (types.coercedTo types.str (id: { inherit id; }) phase));
      default = [ ];
      example = lib.literalExpression ''
        [
          "1d"
          {
            id = "1e";
            brief = "/srv/plan/1e.md";
            until.file = "/srv/plan/1e.done";
          }
        ]
      '';
      description = "The phases, in order. One of which nothing but its id is to be said is that string.";
    };

    resume = mkOption {
      type = types.enum [
        "on-boot"
        "manual"
      ];
      default = "on-boot";
      description = "After a boot: go on at the resume point, or wait for {command}`supervisorctl resume`.";
    };

    quiesce = t.usually (t.durationFrom 0) "10m" ''
      How long the end of a phase waits until those that it stops have nothing half-done in their
      worktrees. When that is over, the plan goes on all the same; 0s: nobody is waited for.
    '';
  };

  config = lib.mkIf cfg.enable {
    services.loopkeeper.settings.plan = lib.mkMerge [
      (lib.mkIf (cfg.plan.phases != [ ]) {
        phases = lib.mkDefault (t.written cfg.plan.phases);
      })
      # Also where `settings` have the phases, or there are none: the rig waits all the same.
      (lib.mkIf (cfg.plan.phases != [ ] || cfg.plan.resume != "on-boot") {
        resume = lib.mkDefault cfg.plan.resume;
      })
      (lib.mkIf (cfg.plan.quiesce != null) {
        quiesce = lib.mkDefault cfg.plan.quiesce;
      })
    ];

    assertions = [
      {
        assertion = lib.unique ids == ids;
        message = "services.loopkeeper.plan.phases: an id is there twice: ${toString ids}.";
      }
    ]
    ++ map (phase: {
      assertion =
        let
          has = key: phase.until ? ${key};
        in
        if has "file" then !has "command" && !has "every" else has "command" && !has "line";
      message = ''
        services.loopkeeper.plan: `until` of phase ${phase.id} has to have either `file`, with a `line` or without, or `command`, with `every` or without.
      '';
    }) conditions;
  };
}
