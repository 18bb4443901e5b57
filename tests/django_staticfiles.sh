#!/usr/bin/env bash
# Django's own tests of staticfiles, with s3sync's collectstatic in the place of Django's.
#   tests/django_staticfiles.sh PYTHON [VERSION]    PYTHON has Django, of VERSION (such as 6.1) if that is said
# The tests come with Django's source distribution, which pip gets: the one of the version that is installed.
set -euo pipefail
python=$(command -v "${1:?which Python?}")
case $python in /*) ;; *) python=$PWD/$python ;; esac  # the tests run in another folder
root=$(cd "$(dirname "$0")/.." && pwd)
version=$("$python" -c 'import django; print(django.__version__)')
case $version. in "${2:-$version}".*) ;; *) echo "$python has Django $version, not $2" >&2; exit 1 ;; esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root TMPDIR=$scratch
"$python" -m pip download --quiet --no-deps --no-binary Django --dest "$scratch" "Django==$version"
tar -xzf "$scratch"/[Dd]jango-*.tar.gz -C "$scratch" --strip-components 1
rm -rf "$scratch/django"  # what is tested is what is installed
cd "$scratch/tests"

# Wherever the tests install staticfiles, under its own name or with another configuration, s3sync comes before it.
grep -rlE --include '*.py' 'django\.contrib\.staticfiles"|IgnorePatternsAppConfig"' runtests.py staticfiles_tests |
  xargs sed -i -E 's/"(django\.contrib\.staticfiles|[a-z_.]+\.IgnorePatternsAppConfig)",/"s3sync", &/'

# And whenever they run collectstatic, it has to be ours.
cat >staticfiles_tests/test_whose_command.py <<'TEST'
import atexit

from django.core import management
from django.test import SimpleTestCase, override_settings

from .settings import TEST_SETTINGS

load = management.load_command_class
runs = []


def load_ours(app, name):
    command = load(app, name)
    if name == "collectstatic":
        assert ("s3sync", "s3sync.management.commands.collectstatic") == (app, type(command).__module__), (app, command)
        runs.append(command)
    return command


management.load_command_class = load_ours
atexit.register(lambda: print(f"{len(runs)} runs of collectstatic, all of them s3sync's"))


class WhoseCommand(SimpleTestCase):
    def test_it_is_ours(self):
        for settings in ({}, TEST_SETTINGS):
            with self.subTest(settings=settings), override_settings(**settings):
                app = management.get_commands()["collectstatic"]
                self.assertEqual("s3sync", app)
                self.assertEqual("s3sync.management.commands.collectstatic", load(app, "collectstatic").__module__)
                self.assertRaises(management.CommandError, management.call_command, "collectstatic", prune=True)
TEST

echo "Django $version, $("$python" --version)"
"$python" runtests.py --parallel 1 --timing staticfiles_tests
