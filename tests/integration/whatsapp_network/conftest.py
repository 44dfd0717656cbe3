from tests.support.whatsapp_network import whatsapp_network

__all__ = ["whatsapp_network"]
