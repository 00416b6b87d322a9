"""Creates ordinary and hostile PDF files, object by object."""

import io
import zlib

from PIL import Image


def scan_of(*pages: Image.Image, resolution: float = 150) -> bytes:
    """Returns a PDF file with one image on each page."""
    file = io.BytesIO()
    first, *others = (page.convert("RGB") for page in pages)
    first.save(file, "PDF", save_all=True, append_images=others, resolution=resolution)
    return file.getvalue()


def document(content: bytes, size: tuple[float, float] = (200, 200), **objects: bytes) -> bytes:
    """Returns a PDF file with one page.

    Args:
        content: Operators that draw the page.
        size: Width and height in points.
        objects: Bodies of further objects, by the names under which the page and these objects can
            draw them. The word RESOURCES in a body is replaced with references to all of them.
    """
    names = {name: number for number, name in enumerate(objects, 5)}
    resources = b" ".join(f"/{name} {number} 0 R".encode() for name, number in names.items())
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents 4 0 R" % size
        + b" /Resources << /XObject << "
        + resources
        + b" >> >> >>",
        stream(b"", content),
    ]
    bodies += [body.replace(b"RESOURCES", resources) for body in objects.values()]
    return assembled(bodies)


def assembled(bodies: list[bytes]) -> bytes:
    """Returns a PDF file with these objects, numbered from 1; the first must be the catalogue."""
    file = bytearray(b"%PDF-1.7\n")
    starts = []
    for number, body in enumerate(bodies, 1):
        starts.append(len(file))
        file += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    file += b"".join(b"%010d 00000 n \n" % start for start in starts)
    file += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n" % (len(bodies) + 1)
    return bytes(file + b"%d\n%%%%EOF\n" % table)


def stream(entries: bytes, data: bytes) -> bytes:
    """Returns a stream object with the given dictionary entries and data."""
    head = b"<< %s /Length %d >>\nstream\n" % (entries, len(data))
    return head + data + b"\nendstream"


def form(content: bytes) -> bytes:
    """Returns a form object, whose content can draw other objects of the document."""
    entries = b"/Type /XObject /Subtype /Form /BBox [0 0 200 200] "
    return stream(entries + b"/Resources << /XObject << RESOURCES >> >>", content)


def nested_forms(depth: int, times: int) -> bytes:
    """Returns a document with a chain of forms, each of which draws the next one `times` times."""
    forms = {
        f"F{level}": form(b"q 0.99 0 0 0.99 0 0 cm " + b"/F%d Do " % (level + 1) * times + b"Q")
        for level in range(depth)
    }
    forms[f"F{depth}"] = form(b"0 0 100 100 re f " * 10)
    return document(b"/F0 Do", (200, 200), **forms)


def large_picture(width: int, height: int) -> bytes:
    """Returns a small document that draws a white picture of the given size."""
    packer = zlib.compressobj(9)
    row = b"\xff" * (3 * width)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    entries = b"/Type /XObject /Subtype /Image /ColorSpace /DeviceRGB /BitsPerComponent 8 "
    entries += b"/Width %d /Height %d /Filter /FlateDecode" % (width, height)
    return document(b"200 0 0 200 0 0 cm /Im Do", (200, 200), Im=stream(entries, data))


def many_pages(claimed: int) -> bytes:
    """Returns a document that has one page but claims to have `claimed` pages."""
    whole = document(b"")
    return whole.replace(b"/Count 1 ", b"/Count %d " % claimed)
