#!/usr/bin/env bash
# Gradescope runs this once. Choose a base image with Python 3.11 or newer, such as Ubuntu 24.04.
set -euo pipefail
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv bubblewrap
python3 -m venv /autograder/venv
/autograder/venv/bin/pip install -e "/autograder/source/course[course]"
