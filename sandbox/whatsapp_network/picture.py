"""Read the QR in a picture, as a phone's camera does."""

import io
import warnings
from typing import Final

import zxingcpp
from PIL import Image, UnidentifiedImageError

from sandbox.whatsapp_network.errors import Code, NetworkError

PICTURE_MAX_BYTES: Final = 10 * 1024 * 1024


def read_qr(picture: bytes) -> str:
    """Return the text of the first QR; raise `NetworkError`. Takes some ms: run it in a thread."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(picture)).convert("L")
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        ValueError,
    ) as error:
        raise NetworkError(Code.PICTURE_INVALID, "Это не картинка") from error
    # Made anew each time: a constant would outlive the library, which complains of it at the end.
    qr_codes = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    codes = zxingcpp.read_barcodes(image, formats=qr_codes)
    if not codes:
        raise NetworkError(Code.PICTURE_WITHOUT_QR, "На картинке нет QR-кода")
    return codes[0].text
