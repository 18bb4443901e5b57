"""The pages: the feed, one person's feed, one picture, and the upload form."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import get_object_or_404
from django.views.generic import CreateView, DetailView, ListView

from .forms import UploadForm
from .models import Post


class FeedView(ListView):
    """All pictures, the newest first."""

    queryset = Post.objects.select_related("author")
    paginate_by = 24
    template_name = "photos/feed.html"

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        page = context["page_obj"]
        context["page_numbers"] = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
        return context


class AuthorView(FeedView):
    """The pictures of one person."""

    def get_queryset(self):
        self.author = get_object_or_404(get_user_model(), username=self.kwargs["username"])
        return super().get_queryset().filter(author=self.author)

    def get_context_data(self, **kwargs):
        return super().get_context_data(author=self.author, **kwargs)


class PostView(DetailView):
    """One picture, large, between its neighbours in time."""

    queryset = Post.objects.select_related("author")
    template_name = "photos/detail.html"

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        newer = Post.objects.filter(created__gt=self.object.created).order_by("created", "pk").first()
        older = Post.objects.filter(created__lt=self.object.created).first()
        return {**context, "newer": newer, "older": older}


class UploadView(LoginRequiredMixin, CreateView):
    """Share a picture. It is written to whatever ``STORAGES["default"]`` is."""

    form_class = UploadForm
    template_name = "photos/upload.html"

    def form_valid(self, form):
        form.instance.author = self.request.user
        response = super().form_valid(form)
        messages.success(self.request, "Your picture is shared.")
        return response
