# Choices that follow from a number: right values, values at the edge and, rarely, wrong ones.
{ lib, seed }:

rec {
  # A number that follows from the seed and what it is for.
  number =
    what:
    (builtins.fromTOML "n = 0x${
      lib.substring 0 7 (builtins.hashString "sha256" "${toString seed} ${what}")
    }").n;
  below = what: limit: lib.mod (number what) limit;
  pick = what: list: lib.elemAt list (below what (lib.length list));
  chance = what: percent: below "${what}?" 100 < percent;
  some =
    what: percent: attributes:
    lib.optionalAttrs (chance what percent) attributes;
  # Mostly one of the right values, rarely one that is wrong.
  value =
    what: right: wrong:
    if chance "${what} wrong" 3 then pick what wrong else pick what right;
  # Each of them or not.
  subset = what: percent: lib.filter (one: chance "${what} ${toString one}" percent);

  duration =
    what:
    value what
      [
        "1ms"
        "10ms"
        "500ms"
        "1s"
        "90s"
        "5m"
        "1h 30m"
        "1h30m"
        "2h 3m 4s 5ms"
        "8760h"
      ]
      [
        ""
        "0"
        "30"
        "1d"
        "-1s"
        "1.5h"
        "8761h"
        "1s 1m"
        " 1s"
        "1m  1s"
        "0s"
        "1ms\n"
      ];
  every = what: value what [ "10ms" "1s" "1m" ] [ "9ms" "1ms" ];
  command =
    what:
    value what
      [
        [ "true" ]
        [
          "./loop.sh"
          "--fast"
          ""
          "a b"
          "\"quoted\\\""
        ]
        [ "no-such-program" ]
        "exec ./loop.sh | cat # 'x'"
        "printf '%s\\n' \"$HOME\"; \t exit 1"
      ]
      [
        [ ]
        [
          ""
          "x"
        ]
        ""
      ];
  hostPort =
    what:
    value what
      [
        "127.0.0.1:1"
        "localhost:65535"
        "[::1]:8080"
        "[::ffff:127.0.0.1]:80"
        "[1:2:3:4:5:6:7::]:0080"
        "ci_1.example.org:22"
      ]
      [
        "127.0.0.1"
        "127.0.0.1:0"
        "127.0.0.1:65536"
        "::1:80"
        "[1:2:3:4:5:6:7:8:9]:80"
        "[1::2::3]:80"
        "[1:2:]:80"
        "[::256.0.0.1]:80"
        ":80"
      ];
  size =
    what: value what [ "64KiB" "20000001KiB" "16MiB" "999999999GiB" ] [ "63KiB" "1" "16 MB" "0MiB" ];
  path = what: value what [ "/srv/${what}" "/tmp" "/srv/with space" ] [ "srv" "./x" ];
  probe =
    what:
    pick what [
      { socks = hostPort "${what} socks"; }
      { tcp = hostPort "${what} tcp"; }
      { command = command "${what} command"; }
    ]
    // some "${what} every" 30 { every = every "${what} every"; };
  signal =
    what:
    value what
      [
        "SIGTERM"
        "SIGQUIT"
        "SIGRTMIN+3"
        "SIGRTMIN"
        "SIGPWR"
        "SIG32"
        "SIG64"
        "tstp"
        "Sigchld"
        "15"
      ]
      [
        "SIGNONE"
        "0"
        "65"
        "SIGRTMIN+31"
        "RTMIN3"
        ""
      ];
}
