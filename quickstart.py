"""Set fieldline up and show it at work, on a machine with nothing but Python.

    python3 quickstart.py         make .venv, install into it, load a simulated flux tower, show what to look at
    python3 quickstart.py live    the same, and let the tower go on: new rows every minute, until Ctrl-C
    python3 quickstart.py test    install what the tests need, run them all, two at a time (other words go to pytest)

Both may be run again at any time; once installed, neither needs a network.
"""

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
DEMO = ("--config", "config/demo.yaml")
LOGGERNET = "data/demo/loggernet"  # where config/demo.yaml looks for files
FAULTS = "spike,stuck,out_of_range,nan_burst,gap,diagnostic_bits"  # a few a day, so that there are flags to look at


def main(words):
    """Do what the words say; return the exit status."""
    for stream in (sys.stdout, sys.stderr):  # the name of this folder may have letters that a Windows console lacks
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.version_info < (3, 11):
        print(f"fieldline needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if words[:1] == ["test"]:
        install("requirements-test.lock")
        return run("-m", "pytest", *two_at_a_time(words[1:]))
    if words not in ([], ["live"]):
        print(__doc__, file=sys.stderr)
        return 0 if words[0] in ("-h", "--help") else 2
    install("requirements.lock")
    return show() or (live() if words else 0)


def two_at_a_time(words):
    """The words for pytest; how many at a time is theirs to say."""
    return words if any(word.startswith(("-n", "--numprocesses")) for word in words) else ["-n", "2", *words]


def install(lock):
    """Make .venv and install what `lock` lists, with the hashes in it; nothing, if that is done already."""
    wanted = hashlib.sha256((PROJECT / lock).read_bytes() + (PROJECT / "pyproject.toml").read_bytes()).hexdigest()
    done = VENV / f"{lock}.done"
    if done.is_file() and done.read_text(encoding="utf-8") == f"{PROJECT}\n{wanted}" and PYTHON.exists():
        return
    print(f"installing into {VENV} (once; a minute or two)", flush=True)
    if not PYTHON.exists():
        try:
            venv.create(VENV, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("Python can't make a virtual environment; on Debian and Ubuntu: apt install python3-venv")
    pip("install", "--quiet", "--require-hashes", "-r", PROJECT / lock)
    pip("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--editable", PROJECT)
    done.write_text(f"{PROJECT}\n{wanted}", encoding="utf-8")


def pip(*words):
    """Run pip in .venv; end with its status if it fails."""
    kept = os.environ | {"URLLIB3_NO_OVERRIDE": "1"}  # else urllib3-future, which grafana-client needs, takes its place
    status = subprocess.call([PYTHON, "-m", "pip", "--disable-pip-version-check", *words], env=kept)
    if status:
        sys.exit(
            f"pip {words[0]} failed; if this machine has no network, run the same command once where there is one; "
            "on Windows end what runs from .venv first (fieldline serve, a schedule), since it holds its files"
        )


def run(*words):
    """Run Python in .venv on `words`, in the project's folder; return the exit status."""
    return subprocess.call([PYTHON, *words], cwd=PROJECT)


def simulate():
    """Let the tower write what it has measured up to now; return the exit status."""
    return run("-m", "fieldline", "simulate", LOGGERNET, "--days", "2", "--faults", FAULTS)


def live():
    """Let the tower go on, and load what is new, every minute, until Ctrl-C; return the exit status of what failed."""
    print("\nThe tower goes on: new rows every minute. Ctrl-C ends it.", flush=True)
    try:
        while (status := simulate() or run("driver.py", *DEMO)) in (0, 3, 75):  # 75: another run is under way
            time.sleep(60)
    except KeyboardInterrupt:
        status = 0
    return status


def show():
    """Run the main job on a simulated station and say what to try next."""
    print("A simulated flux tower writes its logger files ...", flush=True)
    status = simulate()
    if status == 0:
        print("\n... and the main job brings them into the embedded store:", flush=True)
        status = run("driver.py", *DEMO)
    if status:
        return status
    command = Path(".venv/Scripts/fieldline" if os.name == "nt" else ".venv/bin/fieldline")
    demo = " ".join(DEMO)
    print(f"""
See it in a browser, at http://127.0.0.1:8086/ as long as this runs (Ctrl-C ends it):
  {command} serve {demo}
New rows every minute, in a second window:
  {Path(PYTHON).relative_to(PROJECT)} quickstart.py live

Three more commands to try:
  {command} status {demo}
  {command} read {demo} ameriflux_atmospheric fastdata --field Temp_46m --start -6h --every 30m
  {command} quality {demo} --html data/quality.html     (a page with pictures: open it in a browser)

Your own file, without writing anything yet:
  {Path(PYTHON).relative_to(PROJECT)} update-db.py --dry-run YOUR_FILE.dat""")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
