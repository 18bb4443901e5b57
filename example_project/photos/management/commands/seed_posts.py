"""Fill the site with people and pictures, the same ones for the same seed."""

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from random import Random

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from photos.models import Post
from photos.pictures import draw_picture

PEOPLE = (
    ("mina", "Mina", "Baek"),
    ("jihun", "이지훈", ""),
    ("joerg", "Jörg", "Schäfer"),
    ("zoe", "Zoë", "Lindqvist"),
    ("amara", "Amara", "Okafor"),
    ("lucia", "Lucía", "Peña"),
    ("tomasz", "Tomasz", "Wójcik"),
)

#: Captions, thereby file names, and what the picture shows. They are what people really call their pictures, with all
#: that makes keys and URLs hard.
TITLES = (
    ("Hallasan at first light", "hills"),
    ("제주의 여름 바다", "sea"),
    ("Über den Dächern", "city"),
    ("Straße nach Süden", "hills"),
    ("🌅 Good morning", "sea"),
    ("Café crème, später Regen", "city"),
    ("한강의 저녁", "city"),
    ("Lofoten, day 3", "sea"),
    ("100% worth the climb", "hills"),
    ("Sea & sky", "sea"),
    ("Îles lointaines", "sea"),
    ("가을 산책 🍁", "forest"),
    ("Zażółć gęślą jaźń", "forest"),
    ("Where the road ends (2)", "hills"),
    ("Año nuevo", "city"),
    ("Late train + last bus = home", "city"),
    ("Camp #7", "forest"),
    ("Smørrebrød by the fjord", "sea"),
    ("夜の街", "city"),
    ("Quiet valley", "forest"),
    ("Before the storm", "hills"),
    ("Evening swim", "sea"),
    ("What the map didn't say", "forest"),
    ("Above the clouds", "hills"),
)

SIZES = ((480, 360), (600, 400), (360, 480), (480, 480), (640, 360), (400, 500), (800, 533), (720, 405), (960, 640))
SIZE_WEIGHTS = (6, 6, 4, 4, 4, 3, 3, 2, 1)
#: File extension, how often, and how Pillow writes it.
FORMATS = (
    ("jpg", 14, {"format": "JPEG", "quality": 86}),
    ("JPG", 1, {"format": "JPEG", "quality": 86}),
    ("png", 2, {"format": "PNG", "compress_level": 1}),
    ("webp", 2, {"format": "WEBP", "quality": 84, "method": 0}),
)

#: The one picture that is large enough to be sent in parts.
LARGE_TITLE = ("Panorama, uncompressed", "hills")
LARGE_SIZE = (3700, 1900)
LARGE_FORMAT = ("png", {"format": "PNG", "compress_level": 0})


class Command(BaseCommand):
    help = (
        "Fill the site with people and pictures. The same seed gives the same pictures under the same names; those "
        "that are there already are left as they are."
    )

    def add_arguments(self, parser):
        parser.add_argument("--count", type=int, default=300, help="how many pictures (default: 300)")
        parser.add_argument("--seed", type=int, default=1, help="another number gives other pictures (default: 1)")
        parser.add_argument("--until", default="2026-06-30", metavar="YYYY-MM-DD", help="day of the newest picture")
        parser.add_argument("--no-large", action="store_true", help="leave out the one picture of about 20 MiB")
        parser.add_argument("--password", help="let the new people sign in with this password (default: they cannot)")

    def handle(self, **options):
        try:
            until = datetime.fromisoformat(options["until"]).replace(tzinfo=timezone.get_default_timezone())
        except ValueError as error:
            raise CommandError(f"--until {options['until']!r} is no date like 2026-06-30.") from error
        people = self._people(options["password"])
        there = set(Post.objects.values_list("image", flat=True))
        wanted = islice(_sketches(options["seed"], until, large=not options["no_large"]), options["count"])
        missing = [sketch for sketch in wanted if sketch.name not in there]
        posts = []
        # Pillow lets other threads run while it encodes.
        with ThreadPoolExecutor() as pool:
            for sketch, content in zip(missing, pool.map(_draw, missing), strict=True):
                if not default_storage.exists(sketch.name):
                    default_storage.save(sketch.name, ContentFile(content))
                posts.append(sketch.post(people))
        Post.objects.bulk_create(posts, batch_size=500)
        if options["verbosity"]:
            self.stdout.write(f"{len(posts)} pictures by {len(people)} people added, {Post.objects.count()} in all.")

    def _people(self, password):
        user_model = get_user_model()
        # Hashed once: a good password hash is slow, and that is its merit everywhere but here.
        hashed = make_password(password)
        for username, first_name, last_name in PEOPLE:
            names = {"first_name": first_name, "last_name": last_name, "password": hashed}
            user_model.objects.get_or_create(username=username, defaults=names)
        return [user_model.objects.get(username=username) for username, *_ in PEOPLE]


@dataclass(frozen=True)
class Sketch:
    """A picture to come: everything about it but its pixels."""

    name: str
    caption: str
    scene: str
    created: datetime
    author: int
    size: tuple[int, int]
    format: Mapping[str, object]
    random: Random

    def post(self, people) -> Post:
        # Width and height are given, so Pillow need not open the file again to find them.
        width, height = self.size
        return Post(
            author=people[self.author],
            image=self.name,
            width=width,
            height=height,
            caption=self.caption,
            created=self.created,
        )


def _sketches(seed: int, until: datetime, *, large: bool) -> Iterator[Sketch]:
    """Endless, the newest first. Each has a random generator of its own, so the order of drawing does not matter."""
    created = until + timedelta(hours=20)
    for number in count(1):
        random = Random(f"{seed}/{number}")
        created -= timedelta(minutes=random.randint(20, 900))
        author = random.randrange(len(PEOPLE))
        extension, _, parameters = random.choices(FORMATS, weights=[weight for _, weight, _ in FORMATS])[0]
        size = random.choices(SIZES, weights=SIZE_WEIGHTS)[0]
        # Neither does one title follow itself, nor does a page of as many pictures repeat the page before.
        caption, scene = TITLES[(number * 7 + number // len(TITLES) * 5) % len(TITLES)]
        # Not among the very first: nobody waits for 20 MiB on the first page.
        if large and number == 30:
            size, (caption, scene), (extension, parameters) = LARGE_SIZE, LARGE_TITLE, LARGE_FORMAT
        name = f"posts/{created:%Y/%m/%d}/{caption} {number:04d}.{extension}"
        yield Sketch(name, caption, scene, created, author, size, parameters, random)


def _draw(sketch: Sketch) -> bytes:
    picture = draw_picture(sketch.random, sketch.size, sketch.scene)
    buffer = io.BytesIO()
    picture.save(buffer, **sketch.format)
    return buffer.getvalue()
