"""Search without a notebook, with the data and studies of the lessons: `python tools/tune.py [options]`.

The options are those of `python -m hpt_lessons.raytune`; --help lists them.
"""

import os
import sys

import lab

if __name__ == "__main__":
    os.environ.update(lab.environment(lab.own_folder()))
    from hpt_lessons.raytune.__main__ import main

    sys.exit(main())
