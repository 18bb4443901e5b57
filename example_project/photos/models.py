"""What people share."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone


class Post(models.Model):
    """One picture, and a line about it."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts")
    # Width and height are columns, so that a page of pictures is laid out without opening one of them: on S3, each
    # would be a download.
    image = models.ImageField(upload_to="posts/%Y/%m/%d", max_length=255, width_field="width", height_field="height")
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    caption = models.CharField(max_length=140, blank=True)
    created = models.DateTimeField(default=timezone.now, db_index=True, editable=False)

    class Meta:
        ordering = ("-created", "-pk")

    def __str__(self) -> str:
        return self.caption or f"Picture {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("photos:detail", args=[self.pk])

    @property
    def ratio(self) -> float:
        """Width by height, from which the feed computes how wide a picture stands in its row."""
        return round(self.width / max(self.height, 1), 4)
