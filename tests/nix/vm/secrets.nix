# Secrets of sops-nix, in both of its modes: they are there before the rig is, and one that has another
# content starts anew who names it, and nobody else.
{
  name = "loopkeeper-secrets";

  nodes =
    let
      machine =
        { pkgs, ... }:
        {
          # Never place a key like this: it is in the store. This one is for tests alone.
          system.activationScripts.age-key = {
            deps = [ "specialfs" ];
            text = "install -D -m 600 ${../../../secrets/throw-away-age-key.txt} /var/lib/sops-nix/key.txt";
          };
          sops = {
            defaultSopsFile = ../../../secrets/example.yaml;
            age = {
              keyFile = "/var/lib/sops-nix/key.txt";
              sshKeyPaths = [ ];
            };
            gnupg.sshKeyPaths = [ ];
          };
          environment.systemPackages = [ pkgs.jq ];
          services.loopkeeper = {
            enable = true;
            secrets.gitea-token.key = "gitea/token";
            workers = {
              builder = {
                command = "cat $CREDENTIALS_DIRECTORY/gitea-token; echo; exec sleep infinity";
                secrets = [ "gitea-token" ];
              };
              adversary.command = "exec sleep infinity";
            };
          };
        };
    in
    {
      activation.imports = [
        machine
        # Its script is there in this mode alone.
        { system.activationScripts.setupSecrets.deps = [ "age-key" ]; }
      ];
      systemd.imports = [
        machine
        { sops.useSystemdActivation = true; }
      ];
    };

  testScript = ''
    def pid(machine, worker):
        return machine.succeed(f"systemctl show --value --property MainPID loopkeeper-{worker}").strip()


    for machine in (activation, systemd):
        machine.start()
        for worker in ("builder", "adversary"):
            machine.wait_until_succeeds(f"systemctl is-active loopkeeper-{worker}.service")
        machine.wait_until_succeeds("supervisorctl logs builder | grep -F 'not-a-real-gitea-token'")

        builder, adversary = pid(machine, "builder"), pid(machine, "adversary")
        # As sops-nix does it: another directory, and then the link is to that one.
        machine.succeed(
            "cp -r $(readlink -f /run/secrets) /run/secrets.d/99",
            "printf another > /run/secrets.d/99/gitea-token",
            "ln -s /run/secrets.d/99 /run/secrets.new && mv -T /run/secrets.new /run/secrets",
        )
        machine.wait_until_succeeds("supervisorctl logs builder | grep -F another")
        assert pid(machine, "builder") != builder
        assert pid(machine, "adversary") == adversary
  '';
}
