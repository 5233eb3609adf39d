# A switch with a changed worker and another unit of the supervisor: the supervisor is new, the changed
# worker is restarted once, the other one and the proxy go on. So do they on a machine without the rig, and
# back.
{
  name = "loopkeeper-switch";

  nodes.machine =
    { lib, ... }:
    {
      services.loopkeeper = {
        enable = lib.mkDefault true;
        proxy.enable = true;
        workers = {
          builder.command = lib.mkDefault "exec sleep 1111";
          adversary.command = "exec sleep 2222";
        };
      };

      specialisation = {
        # Only the configuration: a reload.
        changed-worker.configuration.services.loopkeeper.workers.builder.command = "exec sleep 3333";
        # The unit too: a restart.
        new-supervisor.configuration = {
          services.loopkeeper.workers.builder.command = "exec sleep 3333";
          systemd.services.loopkeeper.environment.LOOPKEEPER_LOG = "debug";
        };
        away.configuration.services.loopkeeper.enable = false;
      };
    };

  testScript = ''
    def pid(unit):
        return machine.succeed(f"systemctl show --value --property MainPID {unit}").strip()


    def pids():
        return {unit: pid(unit) for unit in ("loopkeeper", "loopkeeper-proxy", "loopkeeper-adversary")}


    def become(system):
        machine.succeed(f"/run/booted-system/{system}bin/switch-to-configuration test")


    def switch(specialisation):
        become(f"specialisation/{specialisation}/")
        machine.wait_until_succeeds("pgrep --full '[s]leep 3333'")


    for worker in ("builder", "adversary"):
        machine.wait_until_succeeds(f"systemctl is-active loopkeeper-{worker}.service")
    machine.wait_for_open_port(1055)

    before = pids()
    switch("changed-worker")
    assert pids() == before, "a reload leaves everybody else alone"
    machine.fail("pgrep --full '[s]leep 1111'")

    builder = pid("loopkeeper-builder")
    switch("new-supervisor")
    machine.wait_for_unit("loopkeeper.service")
    after = pids()
    assert after["loopkeeper"] != before["loopkeeper"], "the supervisor is new"
    assert after["loopkeeper-proxy"] == before["loopkeeper-proxy"], "the proxy goes on"
    assert after["loopkeeper-adversary"] == before["loopkeeper-adversary"], "a loop goes on"
    assert pid("loopkeeper-builder") == builder, "so does one that is what it was"

    become("specialisation/away/")
    machine.fail("systemctl is-active loopkeeper.service")
    assert pid("loopkeeper-adversary") == before["loopkeeper-adversary"], "a loop goes on without the rig"
    become("")
    machine.wait_for_unit("loopkeeper.service")
    machine.wait_for_unit("loopkeeper.socket")
    after = pids()
    assert after["loopkeeper-proxy"] == before["loopkeeper-proxy"], "the proxy is taken over"
    assert after["loopkeeper-adversary"] == before["loopkeeper-adversary"], "a loop is taken over"
  '';
}
