"""Files that the program wrote, where tests/it/python_package.rs has them made."""

import os
from pathlib import Path

#: SELFSI_TEST_SURVEY: a mock survey, prepared, with the runs `run-ode` and `run-sde`.
SURVEY = Path(os.environ["SELFSI_TEST_SURVEY"])
#: SELFSI_TEST_FILES: what was made with them; tests write here, too.
FILES = Path(os.environ["SELFSI_TEST_FILES"])
SDE = FILES / "sde.fits"
ODE = FILES / "ode.fits"
