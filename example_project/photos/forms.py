"""The upload form."""

from typing import ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat

from .models import Post

#: What every browser shows. Pillow opens more than that, such as TIFF.
WEB_FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "WEBP")
MAX_BYTES = 32 * 1024 * 1024


class UploadForm(forms.ModelForm):
    class Meta:
        model = Post
        fields = ("image", "caption")
        widgets: ClassVar = {
            "image": forms.FileInput(attrs={"accept": "image/*"}),
            "caption": forms.TextInput(attrs={"placeholder": "Say something about it", "autocomplete": "off"}),
        }

    def clean_image(self):
        image = self.cleaned_data["image"]
        if image.size > MAX_BYTES:
            raise ValidationError(f"This picture is larger than {filesizeformat(MAX_BYTES)}.")
        if image.image.format not in WEB_FORMATS:
            raise ValidationError(f"Browsers do not show {image.image.format} pictures. Use JPEG, PNG, WebP or GIF.")
        return image
