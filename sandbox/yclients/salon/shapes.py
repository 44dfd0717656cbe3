"""What the booking and CRM calls show, as loose as YClients is: text for numbers, `[]` for none."""

from datetime import date, datetime
from typing import Any, Final

from sandbox.yclients.connections import TIME_FORMAT, Salon
from sandbox.yclients.salon.business import Business
from sandbox.yclients.salon.catalogue import Catalogue, Service, Staff
from sandbox.yclients.salon.records import SALON_TIME, TIME_ZONE_NAME, Client, Record

Shape = dict[str, Any]
CONFIRMED: Final = 2


def iso(moment: datetime) -> str:
    """With the salon's offset, as v2 clients get it (O)."""
    return moment.astimezone(SALON_TIME).isoformat(timespec="seconds")


def local(moment: datetime) -> str:
    """The salon's own time, without an offset."""
    return moment.astimezone(SALON_TIME).strftime(TIME_FORMAT)


def company(salon: Salon) -> Shape:
    return {
        "id": salon.salon_id,
        "title": salon.title,
        "country": "Россия",
        "city": salon.city.partition(",")[0],
        "address": salon.city,
        "phone": salon.phone,
        "phones": [salon.phone],
        "timezone": "3",
        "timezone_name": TIME_ZONE_NAME,
        "schedule": "Ежедневно",
        "currency_short_title": "₽",
        "site": "",
        "allow_delete_record": salon.allow_delete_record,
        "allow_change_record": True,
        "phone_confirmation": False,
    }


def offered_service(service: Service, *, of_somebody: bool) -> Shape:
    """Length only when somebody is asked for (D1)."""
    shape = {
        "id": service.id,
        "title": service.title,
        "category_id": service.category_id,
        "price_min": service.price_min,
        "price_max": service.price_max,
        "discount": 0,
        "comment": "",
        "weight": 0,
        "active": 1,
        "sex": 0,
        "image": "",
        "prepaid": "forbidden",
    }
    return {**shape, "seance_length": service.length_s} if of_somebody else shape


def service(service: Service, catalogue: Catalogue) -> Shape:
    """Numbers are often text here (D1)."""
    return {
        "id": service.id,
        "salon_service_id": str(service.id),
        "title": service.title,
        "category_id": str(service.category_id),
        "price_min": service.price_min,
        "price_max": service.price_max,
        "discount": "0",
        "comment": "",
        "weight": "0",
        "active": 1,
        "api_id": "",
        "duration": service.length_s,
        "staff": [
            {"id": person.id, "seance_length": str(service.length_s)}
            for person in catalogue.who_does([service.id])
        ],
    }


def bookable_person(person: Staff, next_day: str | None) -> Shape:
    return {
        "id": person.id,
        "name": person.name,
        "specialization": person.specialization,
        "position": [],
        "bookable": next_day is not None,
        "weight": "0",
        "show_rating": 0,
        "rating": 0,
        "votes_count": 0,
        "comments_count": 0,
        "avatar": "",
        "information": "",
        "seance_date": next_day,
        "seances": [],
    }


def person(person: Staff, salon_id: int) -> Shape:
    return {
        "id": person.id,
        "company_id": salon_id,
        "name": person.name,
        "specialization": person.specialization,
        "position": {"id": 1, "title": person.specialization},
        "avatar": "",
        "avatar_big": "",
        "fired": int(person.fired),
        "status": 0,
        "hidden": 0,
        "user_id": None,
    }


def working_day(person: Staff, day: date, business: Business, *, with_busy: bool) -> Shape:
    opens, closes = business.hours(person, day)
    shape: Shape = {
        "staff_id": person.id,
        "date": day.isoformat(),
        "slots": [{"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}"}],
    }
    if with_busy:
        shape["busy_intervals"] = [
            {
                "entity_type": "record",
                "entity_id": each.id,
                "from": f"{each.slot.start:%H:%M}",
                "to": f"{each.slot.end:%H:%M}",
            }
            for each in business.book.records.values()
            if not each.deleted and each.staff_id == person.id and each.start.date() == day
        ]
    return shape


def client(client: Client) -> Shape:
    return {
        "id": client.id,
        "name": client.name,
        "surname": "",
        "patronymic": "",
        "display_name": client.name,
        "phone": f"+{client.phone}",
        "email": client.email,
        "comment": "",
        "discount": 0,
        "visits": 0,
        "spent": 0,
        "balance": 0,
        "categories": [],
        "custom_fields": [],
    }


def record(record: Record, business: Business, salon_id: int) -> Shape:
    who = business.book.clients.get(record.client_id or 0)
    staff = business.catalogue.person(record.staff_id)
    return {
        "id": record.id,
        "company_id": salon_id,
        "staff_id": record.staff_id,
        "services": _lines(record, business),
        "goods_transactions": [],
        "staff": person(staff, salon_id) if staff else [],
        "client": client(who) if who else [],
        "clients_count": 1,
        "date": local(record.start),
        "datetime": iso(record.start),
        "create_date": iso(record.created),
        "comment": record.comment,
        "online": record.online,
        "visit_attendance": record.attendance,
        "attendance": record.attendance,
        "confirmed": int(record.attendance == CONFIRMED),
        "seance_length": record.length_s,
        "length": record.length_s,
        "master_request": 1,
        "api_id": record.api_id,
        "visit_id": record.id,
        "created_user_id": 0,
        "deleted": record.deleted,
        "paid_full": 0,
        "prepaid": False,
        "prepaid_confirmed": False,
        "last_change_date": iso(record.changed),
        "activity_id": 0,
        "custom_fields": [],
        "documents": [],
        "record_labels": [],
    }


def booked(record: Record, business: Business, salon: Salon) -> Shape:
    """A record as whoever booked it sees it."""
    staff = business.catalogue.person(record.staff_id)
    return {
        "id": record.id,
        "services": _lines(record, business),
        "company": company(salon),
        "staff": person(staff, salon.salon_id) if staff else [],
        "clients_count": 1,
        "date": local(record.start),
        "datetime": iso(record.start),
        "create_date": local(record.created),
        "comment": record.comment,
        "deleted": record.deleted,
        "attendance": record.attendance,
        "length": record.length_s,
        "notify_by_sms": 0,
        "notify_by_email": 0,
        "master_requested": True,
        "online": record.online,
        "api_id": record.api_id,
        "last_change_date": iso(record.changed),
        "prepaid": False,
        "prepaid_confirmed": False,
        "activity_id": 0,
    }


def _lines(record: Record, business: Business) -> list[Shape]:
    shapes = []
    for line in record.lines:
        found = business.catalogue.service(line.id)
        shapes.append(
            {
                "id": line.id,
                "title": found.title if found else "",
                "cost": line.cost,
                "manual_cost": line.cost,
                "cost_per_unit": line.cost,
                "discount": line.discount,
                "first_cost": line.first_cost,
                "amount": 1,
                "seance_length": found.length_s if found else record.length_s,
            }
        )
    return shapes
