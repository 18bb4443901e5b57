#!/bin/sh
# Once for each deploy, in a container of the new image, with credentials, before the new containers take over.
set -eu
python manage.py collectstatic --s3 --no-input --from /srv/static --prune
python manage.py collectstatic --s3 --no-input --from /srv/static --check
