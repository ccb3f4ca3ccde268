"""A real JupyterLab in headless Chromium, for tests of what a student sees: one server, a page for each notebook."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip


def chromium():
    """The browser of the machine, None if there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Lab:
    """A server whose files all lie in `folder`; use it in a `with` block."""

    def __init__(self, folder: Path):
        self.folder, self.token = folder, secrets.token_hex(16)
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        # No questions about news, and all cells in the page whether they are in sight or not.
        self._set("apputils-extension", "notification", {"fetchNews": "false", "checkForUpdates": False})
        self._set("notebook-extension", "tracker", {"windowingMode": "none"})

    def _set(self, plugin, name, value):
        place = self.folder / "settings" / "@jupyterlab" / plugin
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.jupyterlab-settings").write_text(json.dumps(value))

    def __enter__(self):
        here = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
            "HPT_LESSONS_STUDIES": "studies",
        }
        env = os.environ | {name: str(self.folder / path) for name, path in here.items()}
        env |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",
        }
        env.pop("MPLBACKEND", None)
        options = [
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={self.url.rsplit(':', 1)[1]}",
            "--allow-root",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.work}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        self._log = (self.folder / "lab.log").open("wb")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=env, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self, patience=90):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                return urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=5).close()
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{(self.folder / 'lab.log').read_text()[-2000:]}")

    def __exit__(self, *_):
        self._server.terminate()  # ends the kernels too
        try:
            self._server.wait(30)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._log.close()

    def run(self, browser, name, *cells, wait=True, **options):
        """A page with a notebook of these cells, all of them run, or with `wait=False` only begun."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        # Without a kernel's name JupyterLab opens a dialogue and waits.
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.work / f"{name}.ipynb")
        page = self.open(browser, name, **options)
        if not wait:
            page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
            return page
        self.command(page, "notebook:run-all-cells")
        for box in page.locator("[data-mime-type='application/vnd.jupyter.error']").all():
            page.faults.append(f"a cell failed: {box.inner_text()}")
        return page

    def open(self, browser, name, width=1280, height=1400, dark=False):
        """A page with a notebook that is there; `page.faults` collects what should not happen."""
        context = browser.new_context(
            viewport={"width": width, "height": height}, permissions=["clipboard-read", "clipboard-write"]
        )
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.faults = []
        own = (self.url, self.url.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(own) or page.faults.append(f"asked for {r.url}"))
        page.on("pageerror", lambda error: page.faults.append(f"page error: {error}"))
        page.goto(f"{self.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={self.token}")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.evaluate(
            "async () => { const notebook = window.jupyterapp.shell.currentWidget;"
            " await notebook.context.ready; await notebook.sessionContext.ready; }"
        )
        self.command(page, "application:toggle-left-area")
        if dark:
            self.command(page, "apputils:change-theme", {"theme": "JupyterLab Dark"})
        return page

    @staticmethod
    def command(page, name, arguments=None):
        """Run one of JupyterLab's commands and wait for it."""
        page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).catch(() => null)",
            [name, arguments or {}],
        )

    def ask(self, page, code):
        """What an expression is worth in the page's kernel, as text; for looking at a widget's Python side."""
        return page.evaluate(
            """async code => {
                 const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                 const future = kernel.requestExecute({code: '', user_expressions: {it: code}, store_history: false});
                 const found = (await future.done).content.user_expressions.it;
                 return found.status === 'ok' ? found.data['text/plain'] : found.ename + ': ' + found.evalue;
               }""",
            code,
        )
