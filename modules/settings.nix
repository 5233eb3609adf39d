# loopkeeper.toml: what the other options say, and whatever else it may hold.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.loopkeeper;
  format = pkgs.formats.toml { };
  t = import ./types.nix { inherit lib; };

  unchecked = format.generate "loopkeeper.toml" cfg.settings;

  # What is wrong is said by the build, at its place, and nothing is switched to. What a sandbox
  # lacks says nothing of the machine.
  checked =
    pkgs.runCommand "loopkeeper.toml"
      {
        nativeBuildInputs = [ cfg.package ];
      }
      ''
        supervisorctl check --elsewhere ${unchecked}
        cp ${unchecked} $out
      '';

  # Of what an option switches off there is nothing, whatever another module has set for it.
  withoutProxy = !cfg.proxy.enable && t.isSaid options.services.loopkeeper.proxy.enable;
  switchedOn =
    rig:
    removeAttrs rig (lib.optional withoutProxy "proxy")
    // lib.optionalAttrs (rig ? workers) {
      workers = lib.filterAttrs (name: _: cfg.workers.${name}.enable or true) rig.workers;
    };

  # Paths of secrets that are written here, and are no options' (those are judged where they are declared).
  paths =
    where:
    lib.mapAttrsToList (
      key: path: {
        inherit path;
        where = "${where}.${key}";
      }
    );
  secretPaths =
    paths "proxy" (
      lib.filterAttrs (key: _: key == "auth" || key == "auth_key") (cfg.settings.proxy or { })
    )
    ++ lib.concatLists (
      lib.mapAttrsToList (name: worker: paths "workers.${name}.secrets" (worker.secrets or { })) (
        cfg.settings.workers or { }
      )
    );
  declared = map (secret: secret.path) (lib.attrValues cfg.secrets);
  leaked = lib.filter (one: t.inStore one.path && !lib.elem one.path declared) secretPaths;

  # A program of another platform cannot check anything here.
  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
in
{
  options.services.loopkeeper = {
    settings = mkOption {
      type = types.submodule {
        freeformType = format.type;

        options.rig.name = mkOption {
          type = t.matching "1 to 64 letters, digits, '.', '_' and '-'" "[A-Za-z0-9._-]{1,64}";
          default = if config.networking.hostName != "" then config.networking.hostName else "loopkeeper";
          defaultText = lib.literalExpression "config.networking.hostName";
          example = "pi";
          description = "What the rig is called in messages.";
        };
      };
      default = { };
      apply = switchedOn;
      example = lib.literalExpression ''
        {
          defaults.backoff.most = "10m";
          workers.builder.keep_attempts = 50;
        }
      '';
      description = ''
        The configuration as loopkeeper.toml(5) has it, for what has no option of its own. It takes the
        place of what the other options say, but for `enable`: of a worker or a proxy that is switched
        off, nothing in here counts. Relative paths begin at {file}`/etc/loopkeeper`. All of it
        is checked by {command}`supervisorctl check` when the system is built.
      '';
    };

    notify = mkOption {
      type = types.nullOr (
        types.coercedTo t.command (command: { inherit command; }) (
          types.submodule {
            options = {
              command = mkOption {
                type = t.command;
                example = [
                  "mail"
                  "-s"
                  "rig"
                  "root"
                ];
                description = "What is run, once for each event.";
              };
              on =
                t.key (types.listOf types.str)
                  [
                    "error"
                    "reboot"
                  ]
                  "The events that it is run for, as in loopkeeper.toml(5). By default all that an operator should hear of.";
              input = t.usually (types.enum [
                "text"
                "json"
              ]) "text" "What comes on its standard input: the text, or an object on one line.";
            };
          }
        )
      );
      default = null;
      example = [
        "mail"
        "-s"
        "rig"
        "root"
      ];
      description = ''
        Run for what an operator should hear of, such as a reboot or a held worker: a command, or a set
        with one. The text comes on standard input and in {env}`LOOPKEEPER_NOTICE`.
      '';
    };

    configFile = mkOption {
      type = types.path;
      readOnly = true;
      default = if canCheck then checked else unchecked;
      defaultText = lib.literalMD "made from {option}`services.loopkeeper.settings`, and checked";
      description = "The configuration that is installed as {file}`/etc/loopkeeper/loopkeeper.toml`.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.loopkeeper.settings.rig = lib.mkIf (cfg.notify != null) {
      notify = lib.mkDefault (
        let
          table = t.written cfg.notify;
        in
        if lib.attrNames table == [ "command" ] then table.command else table
      );
    };

    environment.etc."loopkeeper/loopkeeper.toml".source = cfg.configFile;

    assertions = map (one: {
      assertion = false;
      message = "services.loopkeeper.settings.${one.where} is in the Nix store, where everybody on this machine can read it. Declare services.loopkeeper.secrets.<name>, or write the path as a string, of a file that is outside of the store.";
    }) leaked;
  };
}
