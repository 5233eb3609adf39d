# Rigs made up from numbers, with right values, values at the edge and wrong ones: what becomes of each,
# and the configuration of those that evaluate with all assertions holding.
{
  nixpkgs,
  first,
  count,
}:

let
  lib = import (nixpkgs + "/lib");
  evaluate = import ./evaluate.nix { inherit nixpkgs; };

  rig =
    seed:
    let
      inherit (import ./dice.nix { inherit lib seed; })
        below
        chance
        command
        duration
        every
        hostPort
        path
        pick
        probe
        signal
        size
        some
        subset
        value
        ;

      phaseIds = lib.take (below "phases" 4) [
        "1d"
        "1e"
        "p-2"
        "x.y_z"
      ];
      phase =
        id:
        {
          inherit id;
        }
        // some "brief ${id}" 50 { brief = path "brief ${id}"; }
        // some "until ${id}" 60 {
          until = pick "until ${id}" [
            "operator"
            { file = path "file ${id}"; }
            {
              file = path "file ${id}";
              line = value "line ${id}" [ "done" " done: \"x\" " ] [ "" " " "a\nb" ];
            }
            {
              command = command "until ${id}";
              every = every "until ${id}";
            }
            { command = command "until ${id}"; }
          ];
        };

      secretNames = lib.take (below "secrets" 4) [
        "token"
        "gitea-token"
        "a.b"
        "KEY_1"
      ];
      names =
        lib.take (below "workers" 4) [
          "builder"
          "adversary"
          "lint.1"
          "_x-y"
        ]
        ++ lib.optional (chance "bad name" 1) (
          pick "bad name" [
            "proxy"
            "watchdog"
            "a b"
            "-x"
            ".x"
            "ä"
          ]
        );

      worker =
        name:
        let
          of = what: "${name} ${what}";
          optional =
            what: percent: make:
            some (of what) percent { ${what} = make (of what); };
          secrets = subset (of "secrets") 50 secretNames;
          # Mostly it has what it can have there.
          afar = worker.on or "local" == "attic" && !chance (of "too much") 10;
          worker = anything name secrets of optional;
        in
        if afar then
          removeAttrs worker [
            "agent"
            "alive"
            "conversation"
            "environmentFrom"
            "handoff"
            "launcher"
            "limits"
            "path"
            "say"
            "secrets"
            "session"
            "unstick"
            "user"
            "watch"
          ]
          // lib.optionalAttrs (worker ? ready) { ready.output = "^listening"; }
          // lib.optionalAttrs (worker ? worktree) {
            worktree = value (of "there") [ "work/${name}" "/srv/${name}" ] [ "a/../b" "~" ];
          }
        else
          worker;

      anything =
        name: secrets: of: optional:
        {
          command = command (of "command");
        }
        // optional "on" 15 (
          what:
          value what
            [
              "local"
              "attic"
              "attic"
            ]
            [
              "auto"
              "nowhere"
            ]
        )
        // optional "kind" 50 (
          what:
          pick what [
            "loop"
            "service"
          ]
        )
        // optional "user" 20 (what: value what [ "somebody" "1000" ] [ "nobody-here" ])
        // optional "workdir" 30 path
        // optional "worktree" 50 (
          what:
          value what
            [
              "/srv/${name}"
              "/home/${name}/work/"
              {
                path = "/srv/${name}";
                repo = "ssh://git@git.example.org/rig.git";
              }
              {
                path = "/srv/${name}";
                repo = "/srv/rig.git";
                branch = "of/${name}";
                as = "worktree";
              }
            ]
            [
              "/srv/same"
              "x"
              {
                path = "/srv/${name}";
                repo = "ext::sh -c date";
              }
              {
                path = "/srv/${name}";
                repo = "/srv/rig.git";
                as = "worktree";
              }
            ]
        )
        // optional "environment" 40 (
          what:
          value what
            [
              { RUST_LOG = "info"; }
              {
                A = "";
                _b = "ü \"\\\n\t";
                C1 = "$HOME";
              }
            ]
            [
              { LOOPKEEPER_X = ""; }
              { "1A" = ""; }
              { RESUME_PHASE = "1"; }
            ]
        )
        // optional "path" 20 (_: [ "/opt/tools" ])
        // pick (of "launcher") [
          { }
          { }
          {
            launcher = pick (of "launcher") [
              "auto"
              "systemd"
              "tmux"
              "process"
            ];
          }
          { session = true; }
          { session = false; }
        ]
        // {
          requires = subset (of "requires") 40 (
            # Those before it in the alphabet, and rarely any.
            (if chance (of "circle") 2 then names else lib.filter (other: other < name) names) ++ [ "proxy" ]
          );
        }
        // optional "phases" 20 (what: subset what 60 (phaseIds ++ lib.optional (chance what 2) "other"))
        // optional "onPhase" 30 (
          what:
          pick what [
            "restart"
            "keep"
          ]
        )
        // optional "restart" 30 (
          what:
          pick what [
            "always"
            "on-failure"
            "never"
          ]
        )
        // optional "backoff" 30 (
          what:
          some "${what} first" 50 { first = value "${what} first" [ "0s" "1s" "4m" ] [ "30" ]; }
          // some "${what} most" 50 { most = value "${what} most" [ "3m" "1h" ] [ "0s" ]; }
          // some "${what} jitter" 50 {
            jitter =
              value "${what} jitter"
                [ 0 7 100 ]
                [
                  101
                  (-1)
                ];
          }
          // some "${what} healthy" 50 { healthy = duration "${what} healthy"; }
        )
        // optional "budget" 30 (
          what:
          some "${what} restarts" 50 { restarts = value "${what} restarts" [ 0 10 1000000 ] [ 1000001 ]; }
          // some "${what} window" 50 { window = duration "${what} window"; }
        )
        // optional "stop" 30 (
          what:
          some "${what} signal" 50 { signal = signal "${what} signal"; }
          // some "${what} grace" 50 { grace = value "${what} grace" [ "0s" "10s" ] [ "" ]; }
        )
        // optional "ready" 30 (
          what:
          pick "${what} which" [
            (probe what)
            (probe what)
            { file = path what; }
            {
              output = pick what [
                "^listening"
                "a|b\\.c"
                ""
              ];
            }
            (lib.optionalAttrs (chance "${what} none" 3) { timeout = "1m"; } // { file = "/x"; })
          ]
          // some "${what} timeout" 30 { timeout = duration "${what} timeout"; }
        )
        // optional "alive" 30 (
          what: probe what // some "${what} failures" 50 { failures = value what [ 2 1000 ] [ 1 1001 ]; }
        )
        // optional "agent" 30 (
          what:
          pick what [
            "claude"
            "generic"
            "mytool"
          ]
        )
        # Whether one can be kept is known to who knows the agents, which is `supervisorctl check`.
        // optional "conversation" 20 (_: "new")
        // optional "watch" 20 (
          what:
          some "${what} slow" 50 { slow = value "${what} slow" [ "5m" "1h" ] [ "3h" "30s" ]; }
          // some "${what} stuck" 50 { stuck = value "${what} stuck" [ "2h" ] [ "1s" ]; }
          // some "${what} heartbeat" 50 { heartbeat = "/srv/heartbeat"; }
        )
        // optional "unstick" 20 (
          what:
          some "${what} idle" 50 { idle = value "${what} idle" [ "10m" "1s" ] [ "500ms" "soon" ]; }
          // some "${what} tries" 50 { tries = value "${what} tries" [ 1 100 ] [ 0 101 ]; }
          // some "${what} then" 50 {
            "then" = value "${what} then" [ "tell" "restart" ] [ "hold" ];
          }
        )
        // optional "say" 20 (
          what:
          some "${what} start" 50 {
            start = pick "${what} start" [
              "Begin with {{ worker }}."
              "go\n\non"
            ];
          }
          // some "${what} crash" 50 { crash = "You ended with {{ exit }}."; }
          # One that there is on every machine.
          // some "${what} reboot" 50 { reboot.file = "/etc/passwd"; }
        )
        // optional "handoff" 4 (
          what:
          {
            to = pick what [
              "builder"
              "adversary"
            ];
          }
          // some "${what} rounds" 50 { rounds = value "${what} rounds" [ 1 1000 ] [ 0 1001 ]; }
        )
        // {
          inherit secrets;
          environmentFrom = subset (of "environmentFrom") 40 secrets;
        }
        // optional "onSecretChange" 20 (
          what:
          if chance what 50 then
            signal what
          else
            pick what [
              "restart"
              "ignore"
            ]
        )
        // optional "limits" 30 (
          what:
          some "${what} memoryMax" 50 {
            memoryMax =
              value "${what} memoryMax"
                [ "1G" "512M" "1M" "infinity" ]
                [ "1GB" "0" "1.5G" "1048575" ];
          }
          // some "${what} memoryHigh" 30 {
            memoryHigh = value "${what} memoryHigh" [ "1G" "1M" ] [ "50%" "64K" ];
          }
          // some "${what} cpuQuota" 50 { cpuQuota = value "${what} cpuQuota" [ "1%" "250%" ] [ "0%" "50" ]; }
          // some "${what} tasksMax" 50 {
            tasksMax =
              value "${what} tasksMax"
                [ 1 5000 ]
                [
                  0
                  (-5)
                ];
          }
        )
        // optional "keepOutput" 20 size
        // optional "keepAttempts" 20 (what: value what [ 1 100000 ] [ 0 100001 ]);

      proxy =
        let
          kind = pick "proxy kind" [
            "builtin"
            "builtin"
            "tailscale"
            "command"
          ];
          users = if secretNames == [ ] then null else lib.head secretNames;
        in
        {
          enable = chance "proxy" 80;
          inherit kind;
          port = value "port" [ 1 1055 65535 ] [ 0 65536 ];
          listenAddress =
            value "listen"
              [ "127.0.0.1" "127.0.0.53" "::1" "::ffff:127.0.0.1" ]
              [
                "0.0.0.0"
                "localhost"
                "256.0.0.1"
                "10.0.0.1"
                "::"
                "1::2::"
                "::ffff:10.0.0.1"
              ];
        }
        // lib.optionalAttrs (kind == "builtin") (
          some "auth" 40 { auth = users; }
          // some "allow" 30 {
            allow = [
              "10.0.0.0/8:22"
              "*.example.org:443"
              "[fd00::/8]:22"
              "*"
            ];
          }
          // some "deny" 30 { deny = [ "10.0.0.1" ]; }
          // some "upstream" 20 { upstream = hostPort "upstream"; }
          // some "max" 20 { maxConnections = value "max" [ 1 1000000 ] [ 0 ]; }
          // some "idle" 30 { idle = duration "idle"; }
          // some "handshake" 30 { handshake = duration "handshake"; }
          // some "connect" 30 { connect = duration "connect"; }
          // some "drain" 30 { drain = value "drain" [ "0s" "1m" ] [ "x" ]; }
        )
        // lib.optionalAttrs (kind == "tailscale") {
          tailscale = {
            authKey = users;
          }
          // some "hostname" 50 { hostname = value "hostname" [ "pi" "a-1" ] [ "a.b" "" ]; }
          // some "flags" 30 { extraDaemonFlags = [ "--verbose=1" ]; };
        }
        // lib.optionalAttrs (kind == "command") (
          {
            command = command "proxy";
          }
          // some "proxy workdir" 50 { workdir = path "proxy"; }
          // some "proxy environment" 50 { environment.A = "b"; }
        );
    in
    {
      sops.defaultSopsFile = "/secrets.yaml";
      users.users.somebody = { };
      services.loopkeeper = {
        enable = true;
        inherit proxy;
        hosts.attic = {
          ssh =
            value "ssh"
              [ "attic" "op@attic.example.org" "op@10.0.0.7:2222" "[::1]:22" "ssh://a-b@c_1:65535" ]
              [
                ""
                "-v"
                "op@"
                "op:x@attic"
                "attic:0"
                "attic/srv"
                "[::1"
                "a b"
              ];
        }
        // some "host path" 30 {
          path = value "host path" [ ".loops" "/srv/loops" ] [ "" "~/loops" "../loops" ];
        }
        // some "host environment" 30 { environment.A = "attic"; }
        // some "host proxy" 10 { proxy = true; }
        // some "host identity" 20 {
          identity = value "host identity" [ "/run/secrets/attic" ] [ "/nix/store/attic" "key" ];
        };
        plan.phases = map phase phaseIds;
        secrets = lib.genAttrs secretNames (
          name:
          pick name [
            { }
            { }
            {
              source = "file";
              path = value name [ "/etc/${name}" ] [ "/nix/store/${name}" "x" ];
            }
            {
              source = "credential";
              encryptedFile = "/etc/credstore.encrypted/${name}";
            }
          ]
        );
        workers = lib.genAttrs names worker;
      }
      // some "agents" 60 {
        agents.mytool = pick "mytool" [
          { extends = "generic"; }
          {
            extends = "shell";
            busy = [ { line = "^working"; } ];
          }
        ];
      }
      // some "notify" 30 {
        notify = pick "how" [
          (command "notify")
          (
            {
              command = command "notify";
            }
            // some "on" 60 {
              on = subset "on" 50 [
                "error"
                "reboot"
              ];
            }
            // some "input" 60 { input = value "input" [ "text" "json" ] [ "xml" ]; }
          )
        ];
      }
      // some "resume" 30 { plan.resume = "manual"; }
      // some "quiesce" 10 { plan.quiesce = value "quiesce" [ "0s" "10m" ] [ "10" ]; };
    };

  fate =
    seed:
    let
      evaluated = evaluate [ (rig seed) ];
      failures = builtins.tryEval (builtins.deepSeq evaluated.failures evaluated.failures);
      toml = builtins.tryEval evaluated.toml;
      units = builtins.tryEval (builtins.deepSeq evaluated.units true);
    in
    if failures.success && failures.value != [ ] then
      { is = "asserted"; }
    else if failures.success && toml.success && units.success then
      {
        is = "good";
        toml = toml.value;
      }
    else
      { is = "mistyped"; };
in
map (index: { seed = first + index; } // fate (first + index)) (lib.range 0 (count - 1))
