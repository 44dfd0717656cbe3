"""What activates salons, put together: a part of the composition root."""

from redis.asyncio import Redis

from api_service.core.activation import Activation, Marketplace, fresh_secrets
from api_service.core.activation_request import ActivationRequests
from api_service.core.activations import Activations, Rollout
from api_service.core.link_recorder import LinkRecorder
from api_service.core.tokens import Tokens
from api_service.core.vault import Vault
from api_service.settings import ApiSettings
from api_service.store.expiring_lock import ExpiringLock
from api_service.store.ledgers import Ledger, SimpleLedger, TransactionLedger
from shared.bus import keys
from shared.bus.activation_news import ActivationAnnouncer
from shared.bus.snapshots import Snapshots
from shared.db import Pool
from shared.lifecycle import BackgroundTasks


class ActivationParts:
    def __init__(
        self,
        settings: ApiSettings,
        database: Pool,
        redis: Redis,
        snapshots: Snapshots,
        marketplace: Marketplace,
    ) -> None:
        self._settings = settings
        self._marketplace = marketplace
        self.vault = Vault(settings.vault_keys)
        percent = settings.activation_rollout_percent if settings.use_transaction_activation else 0
        self.activations = Activations(
            database,
            Rollout(TransactionLedger(database), SimpleLedger(database), percent),
            self._activation,
            lambda: fresh_secrets(self.vault),
            ActivationAnnouncer(redis).announce,
            skip_callback=settings.skip_yclients_callback,
        )
        self.recorder = LinkRecorder(database, snapshots, self.activations)
        self.requests = ActivationRequests(
            database,
            Tokens(settings.jwt_secret.get_secret_value()),
            self.activations,
            self.recorder,
            ExpiringLock(redis, keys.activation_waiter),
        )

    def start(self, tasks: BackgroundTasks) -> None:
        """Without ENCRYPTION_KEYS links are recorded, and salons wait; health says so."""
        if self._settings.vault_keys:
            tasks.start(self.activations.run(), "activations")
        tasks.start(self.recorder.run(), "link recorder")
        tasks.start(self.recorder.look(), "link look")

    def _activation(self, ledger: Ledger) -> Activation:
        return Activation(ledger, self._marketplace, self.vault, self._settings.public_url)
