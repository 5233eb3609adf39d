# Secrets: where they come from, and that they are there before the daemon is.
#
# A worker gets its secrets as credentials of its own service, which PID 1 reads as root. The daemon
# watches the files, also behind the links that sops-nix changes, and starts anew whoever names one that
# has another content; the proxy's users are read anew. So nothing is in `restartUnits`: the units of
# workers are no files of NixOS, and a switch that is told to restart one fails.
{
  config,
  lib,
  options,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.loopkeeper;
  t = import ./types.nix { inherit lib; };

  hasSops = options ? sops;
  from = source: lib.filterAttrs (_: secret: secret.source == source) cfg.secrets;

  secret = types.submodule (
    { name, config, ... }:
    {
      options = {
        source = mkOption {
          type = types.enum [
            "sops"
            "file"
            "credential"
          ];
          default = "sops";
          description = ''
            Who brings it: sops-nix, from a file that is encrypted in the repository; somebody else, to
            `path`; or systemd, from `encryptedFile` ({manpage}`systemd-creds(1)`).
          '';
        };

        sopsFile = mkOption {
          type = types.nullOr types.path;
          default = null;
          example = lib.literalExpression "./secrets.yaml";
          description = "The encrypted file it is in; {option}`sops.defaultSopsFile` by default.";
        };

        key = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "gitea/token";
          description = "Its key in that file; {option}`sops.defaultSopsKey` by default, else its name.";
        };

        encryptedFile = mkOption {
          type = types.nullOr (types.either types.path types.str);
          default = null;
          example = "/etc/credstore.encrypted/gitea-token";
          description = ''
            What {command}`systemd-creds encrypt --name=NAME` made, with its name as NAME. Its unit is
            credential-loopkeeper-NAME.service: restart that when the file is there, or is another one.
          '';
        };

        path = mkOption {
          type = types.either types.path types.str;
          example = "/etc/secrets/gitea-token";
          defaultText = lib.literalMD "where its source brings it";
          description = ''
            The file that it is found in, readable by root. It is for `source = "file"`; other sources
            have a place of their own for it.
          '';
        };
      };

      config.path = lib.mkIf (places name ? ${config.source}) (
        lib.mkDefault (places name).${config.source}
      );
    }
  );

  # Where a source brings a secret.
  places = name: {
    sops = if hasSops then config.sops.secrets.${name}.path else "/run/secrets/${name}";
    credential = "/run/loopkeeper-secrets/${name}/secret";
  };

  # In this mode of sops-nix a unit brings the secrets, which is ordered before nothing of ours; in the
  # other one they are there before anything is started, and there is no such unit. It also makes the files
  # of its templates, which only `path` names.
  sopsUnits = lib.optional (
    hasSops && config.sops.useSystemdActivation
  ) "sops-install-secrets.service";

  assertionsOf =
    name: secret:
    let
      at = "services.loopkeeper.secrets.${name}";
    in
    [
      {
        # In a file that lies where `path` says, it is only called so.
        assertion = secret.source == "file" || t.secretName.check name;
        message = "${at}: not a name of a file: at most 64 letters, digits, '.', '_' and '-', not beginning with '.'. Call it otherwise${
          lib.optionalString (
            secret.source == "sops"
          ) ", and its key \"${name}\" where it is in a file of sops under that"
        }.";
      }
      {
        assertion = !t.inStore secret.path;
        message = ''
          ${at}.path is in the Nix store, where everybody on this machine can read it. Write the path as a string, of a file that is outside of the store; or encrypt the secret with sops and leave path out.
        '';
      }
      {
        assertion = builtins.match "/[^\n]*" (toString secret.path) != null;
        message = "${at}.path is not absolute.";
      }
      {
        assertion = secret.path == (places name).${secret.source} or secret.path;
        message = "${at}: path is for source = \"file\"; from ${secret.source} it is at ${(places name).${secret.source}}. Set source, or leave path out.";
      }
      {
        assertion = secret.source == "sops" || (secret.key == null && secret.sopsFile == null);
        message = "${at}: key and sopsFile are for source = \"sops\", and it comes from ${secret.source}.";
      }
      {
        assertion = secret.source != "sops" || hasSops;
        message = "${at} comes from sops-nix, which is not there: import sops-nix.nixosModules.sops (nixosModules.default of Loopkeeper does), or set source.";
      }
      {
        assertion = (secret.source == "credential") == (secret.encryptedFile != null);
        message = "${at}: source = \"credential\" and encryptedFile belong together.";
      }
    ];
in
{
  options.services.loopkeeper.secrets = mkOption {
    type = types.attrsOf secret;
    default = { };
    example = lib.literalExpression ''
      {
        gitea-token = { };
        ci-key.sopsFile = ./ci.yaml;
        licence = {
          source = "file";
          path = "/etc/licence";
        };
      }
    '';
    description = "Secrets that workers and the proxy may name. Nobody else sees them.";
  };

  config = lib.mkIf cfg.enable (
    {
      assertions = lib.concatLists (lib.mapAttrsToList assertionsOf cfg.secrets);

      systemd.services.loopkeeper = {
        after = sopsUnits;
        wants = sopsUnits;
      };

      # tailscale of NixOS itself, where it logs in with one of them.
      systemd.services.tailscaled-autoconnect =
        lib.mkIf
          (
            config.services.tailscale.enable
            && lib.any (secret: secret.path == config.services.tailscale.authKeyFile) (
              lib.attrValues cfg.secrets
            )
          )
          {
            after = sopsUnits;
            wants = sopsUnits;
          };
    }
    // lib.optionalAttrs hasSops {
      sops.secrets = lib.mapAttrs (
        _: secret:
        lib.optionalAttrs (secret.key != null) { inherit (secret) key; }
        // lib.optionalAttrs (secret.sopsFile != null) { inherit (secret) sopsFile; }
      ) (from "sops");
    }
  );
}
