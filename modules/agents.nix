# What is known of agents: kinds of one's own, and what is different about known ones.
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
in
{
  options.services.loopkeeper.agents = mkOption {
    # Each key is judged by the check of the file, which shows where an expression is broken.
    type = types.attrsOf (pkgs.formats.toml { }).type;
    default = { };
    example = lib.literalExpression ''
      {
        claude.typing.escape = true;
        mytool = {
          extends = "generic";
          busy = [ { line = "^working"; } ];
        };
      }
    '';
    description = ''
      Agents of one's own, for {option}`services.loopkeeper.workers.<name>.agent`, and what is different
      about those that are known: claude, codex, aider, shell and generic. Each has the keys of
      `[agents.NAME]` in loopkeeper.toml(5).
    '';
  };

  config = lib.mkIf cfg.enable {
    services.loopkeeper.settings.agents = lib.mkIf (cfg.agents != { }) (t.overridable cfg.agents);
  };
}
