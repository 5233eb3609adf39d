# A rig comes up with its machine, and is back at its phase after a reboot and after a crash.
{
  name = "loopkeeper-boot";

  nodes.machine = {
    systemd.tmpfiles.rules = [ "d /srv/builder 0755 root root -" ];
    services.loopkeeper = {
      enable = true;
      proxy.enable = true;
      plan.phases = [
        "1d"
        "1e"
      ];
      workers.builder = {
        command = "echo in phase $LOOPKEEPER_PHASE; exec sleep infinity";
        worktree = "/srv/builder";
        requires = [ "proxy" ];
      };
    };
  };

  testScript = ''
    import json


    def status():
        return json.loads(machine.succeed("supervisorctl status --json"))


    def runs():
        machine.wait_for_unit("loopkeeper.service")
        machine.wait_until_succeeds("systemctl is-active loopkeeper-builder.service")
        machine.wait_for_open_port(1055)


    machine.start(allow_reboot=True)
    runs()
    assert status()["phase"]["id"] == "1d", status()
    machine.succeed("supervisorctl phase done")
    runs()
    assert status()["phase"]["id"] == "1e", status()

    with subtest("a reboot"):
        machine.reboot()
        runs()
        assert status()["phase"]["id"] == "1e", status()
        assert status()["reboots"]["count"] == 1, status()
        assert status()["reboots"]["last"]["clean"], status()

    with subtest("a power cut"):
        machine.crash()
        machine.start(allow_reboot=True)
        runs()
        assert status()["phase"]["id"] == "1e", status()
        assert status()["reboots"]["count"] == 2, status()
        assert not status()["reboots"]["last"]["clean"], status()
  '';
}
