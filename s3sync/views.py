"""The view that a stylesheet in a private bucket refers to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, HttpResponseRedirect
from django.views.decorators.http import require_safe

from .conf import conf
from .sync.redirects import redirect_for


@require_safe
def static(request: HttpRequest, name: str) -> HttpResponse:
    """Redirects to the static file of this name, signed anew; 404 unless this deploy has it.

    No `Access-Control-Allow-Origin`: the page's origin asks for a font, wherever the stylesheet lies (CSS Fonts 4,
    "fetch a font"), and that is this site's own. The redirect then leads from the same origin to another one, so S3 is
    told the page's origin and not `null` (Fetch, "HTTP-redirect fetch"): only its answer needs the header.
    """
    redirect = redirect_for(conf, name, request.method or "GET")
    if redirect is None:
        # A 404 may be cached too, and would then outlive the start of a new deploy.
        return HttpResponseNotFound(headers={"Cache-Control": "no-store"})
    kept = f"private, max-age={redirect.max_age}" if redirect.max_age else "no-store"
    return HttpResponseRedirect(redirect.url, headers={"Cache-Control": kept})
