"""A stand-in for the YClients marketplace: where an owner presses «Подключить»."""
