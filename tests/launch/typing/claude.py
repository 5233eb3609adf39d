"""A terminal program that draws an input line as Claude Code does; what it is given, it writes down.

Its argument says what it does with the first Enter presses: "takes" them, "swallows" the first, "ignores"
all; "silent" shows nothing of what is typed; "plain" asks for no bracketed paste; "marks" shows a long
paste by its mark.
"""

import json
import os
import re
import sys
import termios
import tty

mode = sys.argv[1]
entries, typed, pasting, presses = ["⏺ Ready."], "", None, 0
out = sys.stdout


def draw():
    rule = "─" * 60
    shown = typed
    if mode == "marks" and typed.count("\n") > 2:
        shown = f"[Pasted text #1 +{typed.count(chr(10))} lines]"
    if mode == "silent":
        shown = ""
    lines = shown.split("\n")
    box = ["❯ " + lines[0]] + ["  " + line for line in lines[1:]]
    page = "\r\n".join(entries + ["", rule] + box + [rule, "  ? for shortcuts"])
    out.write("\x1b[H\x1b[2J" + page)
    out.flush()


def enter():
    global typed, presses
    presses += 1
    if mode == "ignores" or mode == "swallows" and presses == 1:
        return
    if typed:
        with open("given", "a") as given:
            given.write(json.dumps(typed) + "\n")
        entries.append("❯ " + typed.replace("\n", "\r\n  "))
        entries.append("⏺ Done.")
        typed = ""
    with open("presses", "w") as file:
        file.write(str(presses))


before = termios.tcgetattr(0)
tty.setraw(0)
if mode != "plain":
    out.write("\x1b[?2004h")
draw()
rest = b""
while True:
    rest += os.read(0, 65536)
    # Half a character, or half of a bracket.
    whole = re.match(rb"(?s)(.*?)((?:\x1b(?:\[2?0?[01]?)?|[\xc2-\xf4][\x80-\xbf]{0,2})?)$", rest)
    try:
        text, rest = whole[1].decode(), whole[2]
    except UnicodeDecodeError:
        continue
    if rest and rest[0] >= 0xC2:
        try:
            text, rest = text + rest.decode(), b""
        except UnicodeDecodeError:
            pass
    for part in re.split("(\x1b\\[20[01]~|\x1b|\r|\n|\x7f|\x03)", text):
        if part == "\x1b[200~":
            pasting = True
        elif part == "\x1b[201~":
            pasting = False
        elif part in ("\r", "\n") and not pasting:
            enter()
        elif part == "\x1b":
            with open("escapes", "a") as file:
                file.write("x")
        elif part == "\x7f":
            typed = typed[:-1]
        elif part == "\x03":
            termios.tcsetattr(0, termios.TCSANOW, before)
            sys.exit(0)
        else:
            typed += part
    draw()
