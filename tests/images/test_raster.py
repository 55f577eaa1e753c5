"""Transparency of pictures against plain arithmetic, for every gray value and every alpha."""

import io

import numpy as np
from PIL import Image

from cxrcore import images


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_every_gray_under_every_alpha_is_rounded_to_the_nearest_on_black():
    gray, alpha = np.indices((256, 256)).astype(np.uint8)
    found = images.decode(png(Image.fromarray(np.dstack([gray, gray, gray, alpha]))))
    np.testing.assert_array_equal(found, (gray.astype(int) * alpha + 127) // 255)


def test_a_colour_picture_with_an_opaque_alpha_is_read_as_one_without():
    colours = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    opaque = np.dstack([colours, np.full((40, 50), 255, np.uint8)])
    found = images.decode(png(Image.fromarray(opaque)))
    np.testing.assert_array_equal(found, images.decode(png(Image.fromarray(colours))))
