"""What visitors may hand in on the pages: as much as without a key by HTTP, and counted with it."""

from collections.abc import Callable

from dashboard.access import operates
from dashboard.connections import database
from infra.settings import settings
from producers.api_pictures import ApiPictures, Holder
from producers.submitting import Receipt


def charged(send: Callable[[], Receipt]) -> Receipt:
    """Hand a picture in, and count it against the visitors' quota; operators have none.

    Raises:
        QuotaUsedUp: nothing was sent.
        DatabaseUnavailable: nobody can count now.
    """
    if operates():
        return send()
    pictures = ApiPictures(database())
    place = pictures.keep_place(Holder(None, settings().http_anonymous_per_day))
    try:
        receipt = send()
        pictures.fill(place, receipt)
    except BaseException:  # also where the viewer goes away meanwhile
        pictures.give_up(place)
        raise
    return receipt
