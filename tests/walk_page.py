"""Do what a page says, step by step, in the working directory; tests/test_docs.py starts this, once a page.

Standard input: a JSON list of steps, each with `place` and either `file` and `text`, or `words` (a script or
`-m fieldline`, with its arguments) and the `exit` code expected. Standard output: a JSON list of what went otherwise.
"""

import contextlib
import io
import json
import runpy
import sys
import traceback
from pathlib import Path


def run(words):
    """Run the words as Python would behind its own name; return the exit code and what was printed."""
    printed, argv = io.StringIO(), sys.argv
    sys.argv = words if words[0] != "-m" else words[1:]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            if words[0] == "-m":
                runpy.run_module(words[1], run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(words[0], run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    sys.argv = argv
    return code, printed.getvalue()


def main():
    """Do the steps."""
    wrong = []
    for step in json.load(sys.stdin):
        if "file" in step:
            path = Path(step["file"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["text"], encoding="utf-8", newline="\n")
            continue
        code, printed = run(step["words"])
        if code != step["exit"]:
            words = " ".join(step["words"])
            wrong.append(f"{step['place']}: {words}: exit code {code}, {step['exit']} expected\n{printed}")
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main()
