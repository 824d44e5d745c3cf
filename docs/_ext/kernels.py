"""Start a page's kernel as a fork of Sphinx, in which the gallery has imported torch already.

A fresh kernel spends 3.5 s importing torch and matplotlib for a page that then computes for 0.2 s.
Linux only: elsewhere a fork of a process that computes is not safe, and pages run in ordinary
kernels. Also spreads the pages that run code over the reading processes.
"""

import asyncio
import logging
import multiprocessing
import os
import sys
from importlib.metadata import EntryPoint

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner


class Fork(multiprocessing.get_context("fork").Process if sys.platform == "linux" else object):
    """A forked process with the few methods of a Popen that jupyter_client calls."""

    stdin = stdout = stderr = None

    def poll(self):
        return self.exitcode

    def wait(self):
        self.join()
        return self.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)


class ForkProvisioner(LocalProvisioner):
    """Runs the kernel's command in a fork rather than in a new interpreter."""

    async def launch_kernel(self, cmd, *, cwd=None, env=None, **kwargs):
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.process = Fork(target=run_kernel, args=(arguments, cwd, env or {}))
        self.process.start()
        self.pid = self.pgid = self.process.pid
        return self.connection_info


def run_kernel(arguments, cwd, env):
    os.setpgid(0, 0)  # signals meant for this kernel reach nothing else
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))  # so that it ends with its parent
    if cwd:
        os.chdir(cwd)
    asyncio.set_event_loop(asyncio.new_event_loop())  # the parent's is not ours to run
    from ipykernel.kernelapp import launch_new_instance

    if "matplotlib" in sys.modules:  # it settled on the gallery's backend
        arguments = [*arguments, "--matplotlib=inline"]
    launch_new_instance(argv=arguments)


def deal(app, env, docnames):
    """Sphinx hands out consecutive chunks of the sorted pages: all of learn/ to one process."""
    hands = max(app.parallel, 1)
    docnames[:] = [name for first in range(hands) for name in docnames[first::hands]]


def setup(app):
    if sys.platform == "linux":
        factory = KernelProvisionerFactory.instance()
        factory.provisioners["fork"] = EntryPoint("fork", "kernels:ForkProvisioner", "")
        factory.default_provisioner_name = "fork"
    logging.getLogger("traitlets").setLevel(logging.WARNING)  # else a line as each kernel starts
    app.connect("env-before-read-docs", deal, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
