"""`manage.py collectstatic --s3`: what is sent, in which order, with which headers, and what it costs."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.project import S3_MANIFEST, S3_STATIC, S3_STORAGE, Code, Project, s3_options
from tests.proxy import Proxy, Response
from tests.servers import ON_BOTH, ON_MOTO

SITE = {
    "css/site.css": '@import "parts/menu.css";\nbody{background:url("../img/sky.png")}\n',
    "css/parts/menu.css": 'a{background:url(../../img/dot.png)}\n@font-face{src:url("../../fonts/f.woff2?#iefix")}\n',
    "img/sky.png": "sky",
    "img/dot.png": "dot",
    "fonts/f.woff2": "font",
    "js/app.js": "alert(1)\n//# sourceMappingURL=app.js.map\n",
    "js/app.js.map": "{}",
}


def make_site(project: Project) -> None:
    for name, content in SITE.items():
        project.asset(name, content)


def keys(s3: Any, bucket: str) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}


def content(s3: Any, bucket: str, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def manifest(s3: Any, bucket: str) -> dict[str, str]:
    paths: dict[str, str] = json.loads(content(s3, bucket, "static/staticfiles.json"))["paths"]
    return paths


def puts(proxy: Proxy) -> list[str]:
    """Keys in the order in which they were sent."""
    return [request.key for request in proxy.requests if request.operation == "PutObject"]


@ON_MOTO
def test_plain_storage_costs_one_list_and_a_put_for_each_file(project: Project, proxy: Proxy) -> None:
    """collectstatic --s3 --no-input, three times: new, the same, the same bytes with new times"""
    project.server = proxy.server
    project.configure_static()
    for number in range(100):
        project.asset(f"many/{number:03}.png", b"%d" % number)

    first = project.collect()
    assert 0 == first.code, first
    assert {"scanned": 100, "new": 100, "uploaded": 100} == first.counts
    assert {"ListObjectsV2": 1, "PutObject": 100} == dict(proxy.count()) == first.report["requests"]

    proxy.clear()
    second = project.collect()
    assert 0 == second.code, second
    assert {"scanned": 100, "listed": 100, "unchanged": 100} == second.counts
    assert {"ListObjectsV2": 1} == dict(proxy.count())

    proxy.clear()
    for path in project.assets.rglob("*.png"):
        os.utime(path, (time.time() + 60,) * 2)
    third = project.collect()
    assert 0 == third.code, third
    assert {"ListObjectsV2": 1} == dict(proxy.count())


@ON_MOTO
def test_manifest_storage_costs_two_puts_for_each_file_and_two_for_the_manifest(
    project: Project, proxy: Proxy, s3: Any
) -> None:
    """collectstatic --s3 --no-input, twice"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST)
    make_site(project)

    first = project.collect()
    assert 0 == first.code, first
    assert {"ListObjectsV2": 1, "PutObject": 2 * len(SITE) + 2} == dict(proxy.count())
    sent = puts(proxy)
    assert "static/staticfiles.json" == sent[-1]
    assert sent[-2].startswith("static/.s3sync/manifests/")

    proxy.clear()
    second = project.collect()
    assert 0 == second.code, second
    assert {"ListObjectsV2": 1} == dict(proxy.count())
    assert set(SITE) == set(manifest(s3, project.bucket))


@ON_MOTO
def test_referents_go_before_referrers(project: Project, proxy: Proxy) -> None:
    """collectstatic --s3 --no-input, on a plain storage"""
    project.server = proxy.server
    project.configure_static()
    make_site(project)

    assert 0 == project.collect().code

    order = [key.removeprefix("static/") for key in puts(proxy)]
    assert order[-2:] == ["css/parts/menu.css", "css/site.css"]


@ON_BOTH
def test_hashed_names_and_their_references(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, on a manifest storage"""
    project.configure_static(S3_MANIFEST)
    make_site(project)

    result = project.collect()

    assert 0 == result.code, result
    paths = manifest(s3, bucket)
    expected = {f"static/{name}" for name in [*paths, *paths.values(), "staticfiles.json"]}
    assert expected == {key for key in keys(s3, bucket) if ".s3sync" not in key}
    menu = content(s3, bucket, "static/" + paths["css/parts/menu.css"]).decode()
    assert Path(paths["img/dot.png"]).name in menu
    assert Path(paths["fonts/f.woff2"]).name + "?#iefix" in menu
    site = content(s3, bucket, "static/" + paths["css/site.css"]).decode()
    assert f'@import "parts/{Path(paths["css/parts/menu.css"]).name}";' in site
    assert SITE["css/site.css"].encode() == content(s3, bucket, "static/css/site.css")
    assert Path(paths["js/app.js.map"]).name.encode() in content(s3, bucket, "static/" + paths["js/app.js"])


@ON_MOTO
def test_names_are_those_of_django(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, against Django's own on a local manifest storage"""
    project.asset("css/a.css", 'a{background:url("../img/sky.png")}b{background:url("b.css#x")}')
    project.asset("css/b.css", '@font-face{src:url("../fonts/f.woff2?#iefix"),url("../fonts/f.woff2?v=1#x")}')
    project.asset("img/sky.png", "sky")
    project.asset("fonts/f.woff2", "font")
    local = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    project.configure(storages={"staticfiles": {"BACKEND": local}})
    assert 0 == project.run("collectstatic", "--no-input").code
    theirs = json.loads((project.root / "static_root" / "staticfiles.json").read_text())

    project.configure_static(S3_MANIFEST)
    assert 0 == project.collect().code

    ours = json.loads(content(s3, bucket, "static/staticfiles.json"))
    assert theirs == ours
    for name, stored in theirs["paths"].items():
        assert (project.root / "static_root" / stored).read_bytes() == content(s3, bucket, "static/" + stored), name


@ON_MOTO
@pytest.mark.parametrize("engine", ["fast", "boto3"])
def test_headers(project: Project, s3: Any, bucket: str, engine: str) -> None:
    """collectstatic --s3 --no-input --engine fast|boto3"""
    project.configure_static(S3_MANIFEST, gzip=True)
    make_site(project)
    project.asset("m/module.mjs", "export {}")
    project.asset("m/a.webmanifest", "{}")

    result = project.collect("--engine", engine)

    assert 0 == result.code, result
    paths = manifest(s3, bucket)

    def head(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = s3.head_object(Bucket=bucket, Key=f"static/{name}")
        return answer

    forever = "public, max-age=31536000, immutable"
    assert {forever} == {head(stored)["CacheControl"] for stored in paths.values()}
    assert "public, max-age=300" == head("css/site.css")["CacheControl"] == head("m/module.mjs")["CacheControl"]
    assert "CacheControl" not in head("img/sky.png")
    assert "font/woff2" == head("fonts/f.woff2")["ContentType"] == head(paths["fonts/f.woff2"])["ContentType"]
    assert "text/javascript" == head("m/module.mjs")["ContentType"]
    assert "application/manifest+json" == head("m/a.webmanifest")["ContentType"]
    assert "gzip" == head(paths["css/site.css"])["ContentEncoding"]
    assert {"listed", "scanned", "unchanged"} == set(project.collect().counts)


@ON_MOTO
def test_the_storages_own_cache_control_stays(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with CacheControl in the storage's object_parameters"""
    project.configure_static(S3_MANIFEST, object_parameters={"CacheControl": "max-age=7"})
    project.asset("a.css", "a{}")

    assert 0 == project.collect().code

    for key in keys(s3, bucket):
        assert "max-age=7" == s3.head_object(Bucket=bucket, Key=key)["CacheControl"], key


@ON_MOTO
def test_a_failed_stylesheet_leaves_the_old_deploy_live(project: Project, proxy: Proxy, s3: Any) -> None:
    """collectstatic --s3 --no-input, while the server refuses one hashed stylesheet"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST)
    make_site(project)
    assert 0 == project.collect().code
    before = manifest(s3, project.bucket)
    project.asset("img/sky.png", "another sky")

    site = f"static/{before['css/site.css'].rpartition('.')[0].rpartition('.')[0]}."
    proxy.rule = lambda request: (
        Response(403, "AccessDenied") if request.method == "PUT" and request.key.startswith(site) else None
    )
    failed = project.collect()

    assert 4 == failed.code, failed
    assert before == manifest(s3, project.bucket)
    for stored in before.values():
        content(s3, project.bucket, f"static/{stored}")
    assert failed.counts["not_tried"] >= 2, "the manifest and its copy"
    proxy.rule = None
    assert 0 == project.collect().code
    assert before != manifest(s3, project.bucket)


@ON_MOTO
def test_circles_and_missing_references_are_no_obstacle(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, where Django's own command gives up"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.css", '@import "b.css";a{background:url(gone.png)}')
    project.asset("b.css", '@import "a.css";')
    project.asset("self.css", '@import "self.css";')

    result = project.collect()

    assert 0 == result.code, result
    paths = manifest(s3, bucket)
    assert {"a.css", "b.css", "self.css"} == set(paths)
    assert f'@import "{paths["b.css"]}";'.encode() in content(s3, bucket, "static/" + paths["a.css"])
    assert f'@import "{paths["a.css"]}";'.encode() == content(s3, bucket, "static/" + paths["b.css"])
    (found,) = (found for found in result.report["findings"] if found["id"] == "css-missing")
    assert ("warning", "a.css", 1, 34) == (found["level"], found["name"], found["line"], found["col"])
    project.asset("b.css", '@import "a.css"; b{}')
    assert 0 == project.collect().code
    changed = manifest(s3, bucket)
    assert changed["a.css"] != paths["a.css"]
    assert changed["b.css"] != paths["b.css"]
    assert changed["self.css"] == paths["self.css"]


@ON_MOTO
def test_missing_references_can_stop_the_run(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --css-missing error|ignore"""
    project.configure_static()
    project.asset("a.css", "a{background:url(gone.png)}")

    result = project.collect("--css-missing", "error")

    assert 5 == result.code, result
    assert "CssMissing" == result.report["error"]["code"]
    assert "a.css:1:18" in result.report["error"]["message"]
    assert set() == keys(s3, bucket)
    assert [] == project.collect("--css-missing", "ignore").report["findings"]


@ON_MOTO
def test_the_first_file_found_wins(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with one name in two folders"""
    other = project.root / "other"
    other.mkdir()
    project.configure_static(settings=f"STATICFILES_DIRS = [BASE_DIR / 'assets', ('', {str(other)!r})]")
    project.asset("a.txt", "first")
    (other / "a.txt").write_text("second")

    result = project.collect()

    assert 0 == result.code, result
    assert b"first" == content(s3, bucket, "static/a.txt")
    (found,) = result.report["findings"]
    assert "Found another file with the destination path 'a.txt'." in found["detail"]


@ON_MOTO
def test_links_out_of_the_static_folders_are_followed_with_a_warning(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with a link to a folder, and with one that leads nowhere"""
    project.configure_static()
    (project.root / "modules").mkdir()
    (project.root / "modules" / "x.js").write_text("x")
    (project.assets / "vendor").symlink_to(project.root / "modules")

    result = project.collect()

    assert 0 == result.code, result
    assert {"static/vendor/x.js"} == keys(s3, bucket)
    (found,) = result.report["findings"]
    assert ("static-outside", "warning") == (found["id"], found["level"])
    assert "vendor/x.js" in found["detail"]
    (project.assets / "dangling.js").symlink_to(project.root / "nowhere.js")
    result = project.collect()
    assert 4 == result.code, result
    assert "Missing" == result.item("dangling.js")["error"]["code"]


@ON_MOTO
def test_secrets_are_held_back(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with a key among the files, on a target that everybody reads"""
    project.configure_static()
    project.asset("server.key", "secret")
    project.asset("a.txt", "a")

    result = project.collect()

    assert 5 == result.code, result
    assert {"static/a.txt"} == keys(s3, bucket)
    assert 0 == project.collect("--allow-secret", "server.key").code


@ON_MOTO
def test_clear_deletes_what_is_not_collected_after_the_uploads(project: Project, proxy: Proxy, s3: Any) -> None:
    """collectstatic --s3 --no-input --clear"""
    project.server = proxy.server
    project.configure_static()
    project.asset("a.txt", "a")
    s3.put_object(Bucket=project.bucket, Key="static/old.txt", Body=b"old")
    s3.put_object(Bucket=project.bucket, Key="elsewhere/old.txt", Body=b"old")

    result = project.collect("--clear")

    assert 0 == result.code, result
    assert {"static/a.txt", "elsewhere/old.txt"} == keys(s3, project.bucket)
    assert ["PutObject", "DeleteObject"] == [r.operation for r in proxy.requests if r.operation != "ListObjectsV2"]
    assert {"deleted": 1, "uploaded": 1} == {name: result.counts[name] for name in ("deleted", "uploaded")}


@ON_MOTO
def test_clear_spares_what_a_kept_manifest_names(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --clear, after a deploy with other files"""
    project.configure_static(S3_MANIFEST)
    old = project.asset("old.txt", "old")
    assert 0 == project.collect().code
    stored = manifest(s3, bucket)["old.txt"]
    old.unlink()
    project.asset("new.txt", "new")

    assert 0 == project.collect("--clear").code

    assert f"static/{stored}" in keys(s3, bucket)
    assert "static/old.txt" not in keys(s3, bucket)


@ON_MOTO
def test_clear_refuses_to_empty_a_bucket(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --clear, without a location; and with nothing to collect"""
    project.configure_static(location="")
    project.asset("a.txt", "a")
    s3.put_object(Bucket=bucket, Key="users.txt", Body=b"users")

    result = project.collect("--clear")
    assert (5, "EmptyLocation") == (result.code, result.report["error"]["code"]), result

    (project.assets / "a.txt").unlink()
    project.configure_static()
    result = project.collect("--clear")
    assert (5, "EmptyCollection") == (result.code, result.report["error"]["code"]), result
    assert {"users.txt"} == keys(s3, bucket)


@ON_MOTO
def test_prune_removes_what_only_old_manifests_name(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --prune --keep-days 0 --keep-manifests 1|2"""
    project.configure_static(S3_MANIFEST)
    stored = []
    for text in ("one", "two", "three"):
        project.asset("a.txt", text)
        assert 0 == project.collect().code
        stored.append("static/" + manifest(s3, bucket)["a.txt"])
        time.sleep(1.1)  # S3 tells which manifest came first in whole seconds
    s3.put_object(Bucket=bucket, Key="static/CACHE/css/output.0123456789ab.css", Body=b"compressor's")

    kept = project.collect("--prune")
    assert 0 == kept.code, kept
    assert set(stored) < keys(s3, bucket)

    some = project.collect("--prune", "--keep-days", "0", "--keep-manifests", "2")
    assert 0 == some.code, some
    assert {"static/CACHE/css/output.0123456789ab.css", *stored[1:]} < keys(s3, bucket)
    assert stored[0] not in keys(s3, bucket)
    assert 2 == some.counts["deleted"], "the file and its manifest"

    assert 0 == project.collect("--prune", "--keep-days", "0", "--keep-manifests", "1").code
    assert {"static/a.txt", "static/staticfiles.json", "static/CACHE/css/output.0123456789ab.css", stored[2]} == {
        key for key in keys(s3, bucket) if ".s3sync" not in key
    }
    assert 1 == sum(".s3sync/manifests/" in key for key in keys(s3, bucket))


@ON_MOTO
def test_a_deploy_of_the_past_is_live_again(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --prune, after a deploy, another one, and the first one again"""
    project.configure_static(S3_MANIFEST)
    stored = {}
    for text in ("one", "two", "one"):
        project.asset("a.txt", text)
        assert 0 == project.collect("--prune", "--keep-days", "1", "--keep-manifests", "1").code
        stored[text] = "static/" + manifest(s3, bucket)["a.txt"]
        time.sleep(1.1)

    assert set(stored.values()) < keys(s3, bucket), "a day has not passed since either was live"


@ON_MOTO
def test_the_manifest_goes_where_the_storage_wants_it(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --manifest-to FILE, with a local manifest_storage"""
    project.configure_static(
        S3_MANIFEST, manifest_storage=Code("StaticFilesStorage(location=BASE_DIR / 'manifests')"),
        settings="from django.contrib.staticfiles.storage import StaticFilesStorage",
    )  # fmt: skip
    project.asset("a.txt", "a")
    shipped = tmp_path / "shipped.json"

    result = project.collect("--manifest-to", str(shipped))

    assert 0 == result.code, result
    kept = project.root / "manifests" / "staticfiles.json"
    assert kept.read_bytes() == shipped.read_bytes()
    assert "static/staticfiles.json" not in keys(s3, bucket)
    assert "static/" + json.loads(kept.read_text())["paths"]["a.txt"] in keys(s3, bucket)


@ON_MOTO
def test_pages_find_what_the_manifest_says(project: Project, s3: Any, bucket: str) -> None:
    """shell: static("css/site.css") with manifest_strict, after collectstatic --s3 --no-input"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    assert 0 == project.collect().code

    asked = project.run("shell", "-c", "from django.templatetags.static import static; print(static('css/site.css'))")

    assert 0 == asked.code, asked
    assert asked.stdout.strip().endswith(manifest(s3, bucket)["css/site.css"])


@ON_MOTO
def test_a_class_that_does_more_than_django_does_it_itself(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with hashed_name() overridden; and with a file_hash of its own"""
    project.configure_static(
        "backends.Own",
        backends=(
            "from storages.backends.s3 import S3ManifestStaticStorage\n"
            "class Own(S3ManifestStaticStorage):\n"
            "    def hashed_name(self, name, content=None, filename=None):\n"
            "        return super().hashed_name(name, content, filename).replace('sky', 'heaven')\n"
            "class Hash(S3ManifestStaticStorage):\n"
            "    def file_hash(self, name, content=None):\n"
            "        return 'h' + str(len(content.read()))\n"
        ),
    )
    make_site(project)

    result = project.collect()

    assert 0 == result.code, result
    paths = manifest(s3, bucket)
    assert paths["img/sky.png"].startswith("img/heaven.")
    assert Path(paths["img/sky.png"]).name.encode() in content(s3, bucket, "static/" + paths["css/site.css"])
    assert {f"static/{stored}" for stored in paths.values()} < keys(s3, bucket)

    backends = (project.root / "backends.py").read_text()
    project.configure_static("backends.Hash", backends=backends)
    assert 0 == project.collect().code
    assert "img/sky.h3.png" == manifest(s3, bucket)["img/sky.png"]


@ON_MOTO
def test_build_here_push_there(project: Project, proxy: Proxy, s3: Any, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --build DIR; then collectstatic --s3 --no-input --from DIR"""
    project.server = proxy.server
    project.configure_static(S3_MANIFEST, access_key=None, secret_key=None)
    make_site(project)
    built = tmp_path / "built"

    result = project.collect("--build", str(built))

    assert 0 == result.code, result
    assert [] == proxy.requests
    paths = json.loads((built / "staticfiles.json").read_text())["paths"]
    names = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert {*paths, *paths.values(), "staticfiles.json"} == names

    shutil.rmtree(project.assets)
    project.assets.mkdir()
    project.configure_static(S3_MANIFEST)
    (built / "CACHE").mkdir()
    (built / "CACHE" / "output.0123456789ab.css").write_text("a{}")
    pushed = project.collect("--from", str(built))
    assert 0 == pushed.code, pushed
    assert paths == manifest(s3, project.bucket)
    assert {f"static/{name}" for name in (*names, "CACHE/output.0123456789ab.css")} == {
        key for key in keys(s3, project.bucket) if ".s3sync" not in key
    }
    assert "static/staticfiles.json" == puts(proxy)[-1]


@ON_MOTO
def test_any_tree_can_be_pushed(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """collectstatic --s3 --no-input --from DIR, of a tree without a manifest"""
    project.configure_static(S3_MANIFEST)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "a.css").write_text("a{background:url(b.png)}")
    (tmp_path / "dist" / "b.png").write_text("b")
    project.asset("not-this.txt", "")

    result = project.collect("--from", str(tmp_path / "dist"))

    assert 0 == result.code, result
    assert {"a.css", "b.png"} == set(manifest(s3, bucket))
    missing = project.collect("--from", str(tmp_path / "nowhere"))
    assert (1, "SourceUnreadable") == (missing.code, missing.report["error"]["code"])


@ON_MOTO
def test_without_post_processing(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --no-post-process"""
    project.configure_static(S3_MANIFEST)
    make_site(project)

    assert 0 == project.collect("--no-post-process").code

    assert {f"static/{name}" for name in SITE} == keys(s3, bucket)


@ON_MOTO
def test_dry_run_and_check(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --dry-run; collectstatic --s3 --check"""
    project.configure_static(S3_MANIFEST)
    make_site(project)

    dry = project.run("collectstatic", "--s3", "--dry-run", "--format", "json")
    assert 0 == dry.code, dry
    assert 2 * len(SITE) + 2 == dry.counts["new"]
    assert 3 == project.run("collectstatic", "--s3", "--check", "--format", "json").code
    assert set() == keys(s3, bucket)
    assert 0 == project.collect().code
    assert 0 == project.run("collectstatic", "--s3", "--check", "--format", "json").code


@ON_MOTO
@pytest.mark.parametrize("narrowed", [("--prefix", "css/"), ("--include", "*.css")])
def test_a_part_of_a_deploy_leaves_the_manifest(
    project: Project, s3: Any, bucket: str, tmp_path: Path, narrowed: tuple[str, str]
) -> None:
    """collectstatic --s3 --no-input --prefix css/ | --include *.css"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    shipped = tmp_path / "shipped.json"

    result = project.collect(*narrowed, "--manifest-to", str(shipped))

    assert 0 == result.code, result
    assert {"static/css/site.css", "static/css/parts/menu.css"} < keys(s3, bucket)
    assert all(key.endswith(".css") for key in keys(s3, bucket)), "neither manifest nor copy"
    assert not shipped.exists()


@ON_MOTO
def test_media_in_the_same_bucket_is_left_alone(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --clear, where media lies within the static location"""
    project.configure(storages={
        "default": {"BACKEND": S3_STORAGE, "OPTIONS": s3_options(project.server, bucket, location="all/media")},
        "staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, bucket, location="all")},
    })  # fmt: skip
    project.asset("a.txt", "a")
    s3.put_object(Bucket=bucket, Key="all/media/user.txt", Body=b"users")

    assert 0 == project.collect("--clear").code

    assert {"all/a.txt", "all/media/user.txt"} == keys(s3, bucket)


@ON_MOTO
def test_a_file_that_cannot_be_sent_keeps_the_manifest_back(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with a name that is too long for S3"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.txt", "a")
    project.asset("/".join(["x" * 200] * 5 + ["y" * 30]), "long")

    result = project.collect()

    assert 4 == result.code, result
    assert "static/a.txt" in keys(s3, bucket)
    assert not any("staticfiles.json" in key or ".s3sync" in key for key in keys(s3, bucket))


@ON_MOTO
def test_headers_of_earlier_deploys_are_mended(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input --check-metadata | --fix-metadata, over objects of Django's own command"""
    project.configure_static()
    project.asset("a.css", "a{}")
    s3.put_object(Bucket=bucket, Key="static/a.css", Body=b"a{}", ContentType="text/css")
    assert 0 == project.collect().code

    assert 3 == project.collect("--check-metadata").code
    assert 0 == project.collect("--fix-metadata").code

    assert "public, max-age=300" == s3.head_object(Bucket=bucket, Key="static/a.css")["CacheControl"]


@ON_MOTO
def test_names_that_s3_and_django_write_differently(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --no-input, with spaces, percent signs, umlauts and dots in names"""
    project.configure_static(S3_MANIFEST)
    names = ["img/sp ace.png", "img/100%.png", "img/\u00e9.png", "noext", "a.b.c.txt", "img/p(1).png"]
    names += ["a-b/x", "a.b", "a/x"]  # S3's order is not that of folders
    for name in names:
        project.asset(name, name)
    project.asset("x.css", "a{b:url('img/sp ace.png')}b{b:url(img/%C3%A9.png)}c{b:url(noext)}")

    result = project.collect()

    assert 0 == result.code, result
    paths = manifest(s3, bucket)
    assert {*names, "x.css"} == set(paths)
    for name in names:
        assert name.encode() == content(s3, bucket, "static/" + paths[name])
    sheet = content(s3, bucket, "static/" + paths["x.css"]).decode()
    assert f"url('{paths['img/sp ace.png'].replace(' ', '%20')}')" in sheet
    assert f"url({paths['noext']})" in sheet
    assert {"listed", "scanned", "unchanged"} == set(project.collect().counts)


# What may never be lost, and what no manifest may name


def own_class(project: Project, body: str, **options: Any) -> None:
    """Configures a manifest storage with more in it."""
    code = "from storages.backends.s3 import S3ManifestStaticStorage\n\nclass Own(S3ManifestStaticStorage):\n"
    project.configure_static("backends.Own", backends=code + body, **options)


def assert_whole(s3: Any, bucket: str) -> dict[str, str]:
    """All that the live manifest names is there."""
    paths = manifest(s3, bucket)
    assert {f"static/{stored}" for stored in paths.values()} <= keys(s3, bucket)
    return paths


@ON_MOTO
@pytest.mark.parametrize("dry", [True, False])
def test_a_class_that_writes_while_it_processes_leaves_the_sources(
    project: Project, s3: Any, bucket: str, dry: bool
) -> None:
    """collectstatic --s3 [--dry-run], where post_process() writes over what it is given"""
    own_class(project, (
        "    def post_process(self, paths, dry_run=False, **options):\n"
        "        for name in paths:\n"
        "            self._save(name, __import__('django').core.files.base.ContentFile(b'MINIFIED'))\n"
        "            yield name, name, True\n"
    ))  # fmt: skip
    path = project.asset("a.js", "source")

    result = project.collect(*["--dry-run"] * dry)

    assert 0 == result.code, result
    assert "source" == path.read_text()
    assert {"static/a.js"} == keys(s3, bucket) or dry
    assert dry or b"MINIFIED" == content(s3, bucket, "static/a.js")


@ON_MOTO
@pytest.mark.parametrize("option", [("--prefix", "css/"), ("--no-post-process",)])
def test_clear_needs_to_know_the_manifest(project: Project, s3: Any, bucket: str, option: tuple[str, ...]) -> None:
    """collectstatic --s3 --clear --prefix css/ | --no-post-process, on a manifest storage"""
    project.configure_static(S3_MANIFEST)
    make_site(project)
    assert 0 == project.collect().code
    project.asset("css/site.css", "a{}")

    result = project.collect("--clear", *option)

    assert (5, "ManifestUnknown") == (result.code, result.report["error"]["code"]), result
    assert_whole(s3, bucket)


@ON_MOTO
@pytest.mark.parametrize("options", [(), ("--clear",)])
def test_an_empty_collection_is_no_deploy(project: Project, s3: Any, bucket: str, options: tuple[str, ...]) -> None:
    """collectstatic --s3 [--clear] on a manifest storage, when no file is found any more"""
    project.configure_static(S3_MANIFEST)
    path = project.asset("a.txt", "a")
    assert 0 == project.collect().code
    path.unlink()

    result = project.collect(*options)

    assert (5, "EmptyCollection") == (result.code, result.report["error"]["code"]), result
    assert {"a.txt"} == set(assert_whole(s3, bucket))


@ON_MOTO
def test_a_folder_that_is_not_there_deletes_nothing(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --clear, with a folder that is not mounted; and with a link that leads nowhere"""
    project.configure_static(settings="STATICFILES_DIRS = [BASE_DIR / 'assets', BASE_DIR / 'mounted']")
    project.asset("a.txt", "a")
    (project.root / "mounted").mkdir()
    (project.root / "mounted" / "b.txt").write_text("b")
    assert 0 == project.collect().code
    shutil.rmtree(project.root / "mounted")

    result = project.collect("--clear")

    assert (5, "IncompleteCollection") == (result.code, result.report["error"]["code"]), result
    (project.root / "mounted").mkdir()
    (project.root / "mounted" / "lost").symlink_to(project.root / "nowhere")
    assert 4 == project.collect("--clear").code
    assert {"static/a.txt", "static/b.txt"} == keys(s3, bucket)


@ON_MOTO
def test_ignore_is_about_files_not_about_hashed_names(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --ignore app.*.css --ignore vendor/*, with a prefix in STATICFILES_DIRS"""
    project.configure_static(S3_MANIFEST, settings="STATICFILES_DIRS = [('vendor', BASE_DIR / 'assets')]")
    project.asset("app.css", "a{}")

    result = project.collect("--ignore", "app.*.css", "--ignore", "vendor/*")

    assert 0 == result.code, result
    assert {"vendor/app.css"} == set(assert_whole(s3, bucket))


@ON_MOTO
def test_secrets_are_in_no_manifest(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3, with names of secrets on a manifest storage; and --allow-secret"""
    project.configure_static(S3_MANIFEST)
    for name in ("a.txt", "server.key", "img/icon.envelope.svg", "i18n/id_ID.js", "img/Thumbs.db"):
        project.asset(name, name)

    result = project.collect()

    assert 5 == result.code, result
    assert {"a.txt", "i18n/id_ID.js"} == set(assert_whole(s3, bucket))
    allowed = project.collect("--allow-secret", "server.key", "--allow-secret", "img/icon.envelope.svg")
    assert 0 == allowed.code, allowed
    assert {"a.txt", "i18n/id_ID.js", "server.key", "img/icon.envelope.svg"} == set(assert_whole(s3, bucket))


@ON_MOTO
def test_a_built_tree_has_to_be_whole(project: Project, s3: Any, bucket: str, tmp_path: Path) -> None:
    """collectstatic --s3 --from DIR, where a hashed file was lost on the way; and with dotfiles"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.txt", "a")
    project.asset(".well-known/x.txt", "x")
    built = tmp_path / "built"
    assert 0 == project.collect("--build", str(built), "--no-default-ignore").code

    assert 0 == project.collect("--from", str(built)).code
    assert {"a.txt", ".well-known/x.txt"} == set(assert_whole(s3, bucket))

    next(built.glob("a.*.txt")).unlink()
    result = project.collect("--from", str(built))
    assert (5, "BrokenTree") == (result.code, result.report["error"]["code"]), result


@ON_MOTO
def test_clear_after_djangos_own_command_spares_the_running_site(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic (Django's own, to S3); collectstatic --s3 --clear"""
    project.configure_static(S3_MANIFEST)
    project.asset("a.txt", "one")
    assert 0 == project.run("collectstatic", "--no-input").code
    before = manifest(s3, bucket)
    project.asset("a.txt", "two")

    result = project.collect("--clear")

    assert 0 == result.code, result
    assert "static/" + before["a.txt"] in keys(s3, bucket)
    assert before != assert_whole(s3, bucket)


@ON_MOTO
def test_another_storages_objects_are_not_ours_to_write_or_delete(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --clear, where media lies within the static location, at an endpoint of another name"""
    media = s3_options(project.server, bucket, location="all/media")
    media["endpoint_url"] = media["endpoint_url"].replace("127.0.0.1", "localhost")
    project.configure(storages={
        "default": {"BACKEND": S3_STORAGE, "OPTIONS": media},
        "staticfiles": {"BACKEND": S3_STATIC, "OPTIONS": s3_options(project.server, bucket, location="all")},
    })  # fmt: skip
    project.asset("a.txt", "a")
    project.asset("media/logo.png", "ours")
    s3.put_object(Bucket=bucket, Key="all/media/logo.png", Body=b"users")
    s3.put_object(Bucket=bucket, Key="all/media/user.txt", Body=b"users")

    result = project.collect("--clear")

    assert 4 == result.code, result
    assert "ForeignLocation" == result.item("media/logo.png")["error"]["code"]
    assert b"users" == content(s3, bucket, "all/media/logo.png")
    assert {"all/a.txt", "all/media/logo.png", "all/media/user.txt"} == keys(s3, bucket)


@ON_MOTO
def test_media_is_not_cleared(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --storage default --clear"""
    project.asset("a.txt", "a")
    s3.put_object(Bucket=bucket, Key="media/user.jpg", Body=b"users")

    result = project.collect("--storage", "default", "--clear")

    assert (5, "MediaStorage") == (result.code, result.report["error"]["code"]), result
    assert {"media/user.jpg"} == keys(s3, bucket)


@ON_MOTO
def test_prune_never_deletes_plain_names(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3 --prune --keep-days 0 --keep-manifests 1, with a file_hash that leaves a name as it is"""
    own_class(project, (
        "    def file_hash(self, name, content=None):\n"
        "        return None if name == 'robots.txt' else super().file_hash(name, content)\n"
    ))  # fmt: skip
    robots = project.asset("robots.txt", "robots")
    project.asset("a.txt", "one")
    assert 0 == project.collect().code
    robots.unlink()
    time.sleep(1.1)  # S3 tells which manifest came first in whole seconds
    project.asset("a.txt", "two")

    assert 0 == project.collect("--prune", "--keep-days", "0", "--keep-manifests", "1").code

    assert "static/robots.txt" in keys(s3, bucket)


@ON_MOTO
def test_names_that_climb_out_fail(project: Project, s3: Any, bucket: str) -> None:
    """collectstatic --s3, with ("../media", DIR) and ("./q", DIR) in STATICFILES_DIRS"""
    project.configure_static(settings="STATICFILES_DIRS = [('../media', BASE_DIR / 'assets')]")
    project.asset("x.txt", "x")
    result = project.collect()
    assert 4 == result.code, result
    assert set() == keys(s3, bucket)

    project.configure_static(settings="STATICFILES_DIRS = [('./q', BASE_DIR / 'assets')]")
    assert 0 == project.collect().code
    assert {"static/q/x.txt"} == keys(s3, bucket)
