"""A salon behind the booking and CRM calls: who works there, what is offered, who has booked."""
