"""The admin's view of the pictures."""

from django.contrib import admin
from django.utils.html import format_html

from .models import Post


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ("thumbnail", "caption", "author", "created", "image")
    list_display_links = ("thumbnail", "caption")
    list_select_related = ("author",)
    list_filter = ("author",)
    list_per_page = 50
    date_hierarchy = "created"
    search_fields = ("caption", "image", "author__username")
    autocomplete_fields = ("author",)

    @admin.display(description="picture")
    def thumbnail(self, post: Post) -> str:
        return format_html('<img src="{}" alt="" height="48" loading="lazy">', post.image.url)
