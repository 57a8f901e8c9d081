"""The program called from Python: its results, its errors, its progress, and how it is stopped."""

import logging
import os
import signal
import subprocess
import sys
import time
import unittest
from unittest import mock

from files import FILES, SDE, SURVEY

import selfsi
from selfsi.bar import Bar

ONE = {"threads": 1}


class Commands(unittest.TestCase):
    def test_results_are_those_of_json(self):
        out = FILES / "few.fits"
        found = selfsi.restore(SURVEY / "run-sde", out=out, ntargets=3, set={"restore.draws": 2}, **ONE)
        with selfsi.open(out) as cat:
            self.assertEqual(found["rows"], len(cat))
            self.assertEqual(cat.header["NDRAWS"], 2)
        (facts,) = selfsi.inspect(SDE, **ONE)
        self.assertEqual(facts["kind"], "restored catalog")
        report = selfsi.prepare(SURVEY / "ode.toml", out=FILES / "again.h5", set={"select": {"z_min": 2.0}}, **ONE)
        self.assertIsInstance(report, dict)

    def test_what_goes_wrong_is_the_programs_line(self):
        with self.assertRaisesRegex(selfsi.Error, "^nowhere: not a run folder: .*; give the folder") as caught:
            selfsi.restore("nowhere", out=FILES / "x.fits", **ONE)
        self.assertEqual(caught.exception.exit_code, 1)
        for wrong, why in (({"ntarget": 3}, "--ntarget"), ({}, "required arguments.*--out <OUT>")):
            with self.assertRaisesRegex(selfsi.Error, why) as caught:
                selfsi.run("restore", "run", **wrong)
            self.assertEqual(caught.exception.exit_code, 2)
            self.assertNotIn("\n", str(caught.exception))
        with self.assertRaisesRegex(selfsi.Error, "did you mean `restore.draws`|draws"):
            selfsi.restore(SURVEY / "run-sde", out=FILES / "x.fits", set={"restore.draw": 2}, **ONE)

    def test_options_and_config_keys_are_written_as_the_program_reads_them(self):
        with mock.patch("selfsi.commands.subprocess.Popen") as popen:
            popen.side_effect = InterruptedError
            with self.assertRaises(InterruptedError):
                selfsi.run(
                    "plot", "spectra", SDE, row=[1, 2], out="a.png", save_draws=True, heldout=False, n=3, seed=None,
                    set={"a.b": True, "c": 1.5, "d": "text", "e": [1, "x"], "f": {"kind": "ode", "on": False}},
                )
        words = popen.call_args.args[0]
        self.assertEqual(
            words[1:],
            ["plot", "spectra", str(SDE), "--row", "1", "--row", "2", "--out", "a.png", "--save-draws", "-n", "3"]
            + ["--set", "a.b=true", "--set", "c=1.5", "--set", "d=text", "--set", 'e=[1, "x"]']
            + ["--set", 'f={kind = "ode", on = false}', "--json", "--progress", "lines"],
        )

    def test_progress_goes_to_the_log_and_to_a_bar_in_a_notebook(self):
        with self.assertLogs("selfsi", logging.INFO) as log:
            selfsi.restore(SURVEY / "run-ode", out=FILES / "logged.fits", **ONE)
        self.assertTrue(any("restoring: " in line for line in log.output), log.output)
        # IPython is no requirement of ours: a stand-in shows what it would be given.
        display = mock.Mock()
        stand_in = {"IPython": mock.Mock(), "IPython.display": mock.Mock(display=display)}
        with mock.patch("selfsi.bar.in_notebook", return_value=True), mock.patch.dict(sys.modules, stand_in):
            bar = Bar()
            for line in ("training: 10/40", "training: 20/40", "restoring: 1/4"):
                bar.line(line)
        first, second = (c.args[0] for c in display.call_args_list)
        self.assertIn("max='40' value='10'", first._repr_html_())
        self.assertEqual(repr(second), "restoring: 1/4")
        updated = display.return_value.update.call_args.args[0]
        self.assertEqual(repr(updated), "training: 20/40")

    def test_an_interrupt_lets_a_training_save_its_state(self):
        run = FILES / "stopped"
        call = (
            "import selfsi, sys\n"
            f"selfsi.train({str(SURVEY / 'ode.toml')!r}, out={str(run)!r}, threads=1,"
            " set={'train.steps': 1000000, 'train.checkpoint_every': 1000000, 'train.validate_every': 1000000})"
        )
        # A session of its own: the interrupt reaches Python alone, which passes it on.
        child = subprocess.Popen([sys.executable, "-c", call], stderr=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(600):
            if (run / "metrics.jsonl").exists() and "step" in (run / "metrics.jsonl").read_text():
                break
            time.sleep(0.1)
        os.kill(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=60)
        self.assertIn("KeyboardInterrupt", said)
        self.assertEqual(len(list((run / "checkpoints").glob("*.safetensors"))), 1)


class Where(unittest.TestCase):
    """How the program is found, and what is said where something is missing."""

    def test_the_variable_names_it(self):
        from selfsi import program

        self.assertEqual(program.find()[0], os.environ["SELFSI"])
        with mock.patch.dict(os.environ, SELFSI="/absent"), self.assertRaisesRegex(selfsi.Error, "SELFSI = /absent"):
            program.find()

    def test_without_any_it_says_so(self):
        from selfsi import program

        with mock.patch.dict(os.environ, SELFSI="", PATH="/absent"):
            with self.assertRaisesRegex(selfsi.Error, "there is no program `selfsi`; install the wheel"):
                program.find()

    def test_a_missing_or_other_torch_is_told_with_what_to_install(self):
        from selfsi import program

        def torch(version):
            folder = FILES / f"torch-{version}"
            (folder / "lib").mkdir(parents=True, exist_ok=True)
            (folder / "lib/libtorch_cpu.so").touch()
            (folder / "version.py").write_text(f"__version__ = '{version}+cu130'\n")
            return mock.Mock(submodule_search_locations=[str(folder)])

        for found, why in (
            (None, "there is no torch in the environment"),
            (torch("2.12.1"), r"torch 2\.12\.1\+cu130; expected 2\.13"),
        ):
            with mock.patch("importlib.util.find_spec", return_value=found):
                with self.assertRaisesRegex(selfsi.Error, why + ".*pip install 'torch==2.13"):
                    program._beside_torch()
        with mock.patch("importlib.util.find_spec", return_value=torch("2.13.9")):
            path = program._beside_torch()["LD_LIBRARY_PATH"]
        self.assertTrue(path.split(os.pathsep)[0].endswith("torch-2.13.9/lib"))


class Light(unittest.TestCase):
    def test_importing_it_loads_nothing_and_the_simulator_numpy_alone(self):
        for what, forbidden in (
            ("import selfsi", "numpy astropy specutils h5py"),
            ("from selfsi import simulator", "astropy specutils h5py"),
        ):
            check = f"{what}; import sys; print(*(m for m in {forbidden.split()} if m in sys.modules))"
            said = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
            self.assertEqual(said.stdout.strip(), "")

    def test_every_public_name_is_there_and_documented(self):
        for name in selfsi.__all__:
            self.assertTrue(getattr(selfsi, name).__doc__, name)
            self.assertIn(name, dir(selfsi))
