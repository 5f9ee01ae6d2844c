"""Which image data sets there are: their files, checksums, shapes, and where they are published."""

import math
from dataclasses import dataclass

from samestep.datasets.idx import header_size

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ImageFile:
    """One gzipped IDX file of bytes.

    `sha256` is that of the content: the same data is packed by gzip in more than one way
    (Debian's files differ from the publisher's by their gzip header). `published_sha256` is
    that of the packed file at the publisher's.
    """

    name: str
    shape: Shape
    sha256: str
    published_sha256: str

    @property
    def bytes(self) -> int:
        """The size of the content."""
        return header_size(len(self.shape)) + math.prod(self.shape)


@dataclass(frozen=True)
class ImageSet:
    """A data set of four files, and how else to get it than by download."""

    name: str
    url: str
    files: tuple[ImageFile, ...]
    debian_package: str | None = None

    def file(self, name: str) -> ImageFile:
        """The file of this name."""
        return next(file for file in self.files if file.name == name)


def _set(
    name: str, url: str, checksums: list[tuple[str, str]], debian_package: str | None
) -> ImageSet:
    """Checksums, content's and published file's, in the order of the files below."""
    shapes: list[tuple[str, Shape]] = [
        ("train-images-idx3-ubyte.gz", (60_000, 28, 28)),
        ("train-labels-idx1-ubyte.gz", (60_000,)),
        ("t10k-images-idx3-ubyte.gz", (10_000, 28, 28)),
        ("t10k-labels-idx1-ubyte.gz", (10_000,)),
    ]
    files = tuple(
        ImageFile(file, shape, content, published)
        for (file, shape), (content, published) in zip(shapes, checksums, strict=True)
    )
    return ImageSet(name, url, files, debian_package)


IMAGE_SETS: dict[str, ImageSet] = {
    # Source: https://github.com/zalandoresearch/fashion-mnist, which gives MD5 sums.
    "fashion-mnist": _set(
        "fashion-mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        [
            (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ],
        debian_package="dataset-fashion-mnist",
    ),
    # Source: http://yann.lecun.com/exdb/mnist, which is often out of reach; this is the mirror
    # that torchvision uses.
    "mnist": _set(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        [
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ],
        debian_package=None,
    ),
}
