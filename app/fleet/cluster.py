"""One cluster: connected, discovered and watched."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack, suppress

import msgspec

from app.backoff import Backoff
from app.fleet.cluster_health import CRDS, ClusterHealth
from app.fleet.definitions_feed import DefinitionsFeed
from app.fleet.own_writes import OwnWrites
from app.fleet.resource_watch import keep_running
from app.fleet.watch_set import WatchSet
from app.fleet.watch_status import Condition
from app.json_access import text
from app.kube.api_client import ClusterApiClient
from app.kube.api_errors import AccessError, ApiError, CannotConnect, ConnectionFailed, UnreadableAnswer
from app.kube.auth.cluster_access import open_access
from app.kube.auth.contexts import Context
from app.kube.auth.shared_credentials import Keyring
from app.kube.client import Connection
from app.kube.discovery.api_groups import discover, server_version
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import Catalog
from app.kube.discovery.well_known import WELL_KNOWN
from app.kube.reflector import Reflector, Sink
from app.kube.tcp_sockets import BUDGET
from app.kube.wire.secret_redaction import SECRETS
from app.kube.wire.wire_object import BodyFormat

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 70.0
RETRY_SECONDS = (1.0, 30.0)
REDISCOVER_SECONDS = 300.0
REDISCOVER_UNTOLD_SECONDS = 30.0
RELISTS_AT_ONCE = 4
UNAUTHORIZED = 401
PAGES_FROM_CACHE_SINCE = (1, 34)
# For the definitions of custom resources, and for lists and discovery.
SOCKETS_BESIDE = 3


class ClusterOptions(msgspec.Struct, frozen=True):
    """What a cluster is watched for.

    ``watch`` names the resources watched from the start, ``release_after`` (seconds) is
    how long any other stays watched unused, ``namespaces`` restricts namespaced
    resources to some namespaces, as an account may that is permitted no more.
    """

    watch: tuple[str, ...]
    release_after: float
    managed_fields: bool
    secret_values: bool
    namespaces: tuple[str, ...] = ()

    @property
    def sockets(self) -> int:
        """How many a cluster needs for as long as it is watched."""
        return len(self.watch) * max(1, len(self.namespaces)) + SOCKETS_BESIDE

    def restricted(self, namespaces: Sequence[str]) -> "ClusterOptions":
        """The same, for an account that may see these namespaces only; all for none."""
        return msgspec.structs.replace(self, namespaces=tuple(namespaces))

    def redacts(self, resource: Resource) -> bool:
        """Return whether the values of these objects are kept from everybody who reads them."""
        return resource.name == SECRETS and not self.secret_values

    def body_format_of(self, resource: Resource) -> BodyFormat:
        """Return what is left out of objects of this resource."""
        return BodyFormat(keep_managed_fields=self.managed_fields, redact=self.redacts(resource))


class Cluster:
    """A cluster and everything that is known of it.

    ``version`` is the API server's (``v1.37.2``), ``identity`` the uid of its
    kube-system namespace or, where that may not be read, a hash of URL and CA; both
    are None before it has been reached. ``settled`` is set once it has been connected
    to, or once that has failed; ``began`` is in monotonic seconds; ``problems`` say what of its
    discovery cannot be had. ``on_change`` is called
    when anything about it changes but the objects: what it serves, what is watched and how
    that goes. Credentials are those of the ``keyring``.
    """

    def __init__(
        self,
        context: Context,
        options: ClusterOptions,
        on_change: Callable[[str], None],
        keyring: Keyring | None = None,
    ) -> None:
        self.context = context
        self.name = context.name
        self.version: str | None = None
        self.identity: str | None = None
        self.began = time.monotonic()
        self.settled = asyncio.Event()
        self.definitions = DefinitionsFeed(self)
        self.watches = WatchSet(
            self.name,
            pinned=options.watch,
            namespaces=options.namespaces,
            release_after=options.release_after,
            make_reflector=self._reflector,
            listener=self,
        )
        self._health = ClusterHealth(self.name, self.watches, self.definitions)
        self.written = OwnWrites(self.watches)
        self.catalog: Catalog = WELL_KNOWN
        self.problems: list[str] = []
        self.is_closed = False
        self._options = options
        self._on_change = on_change
        self._keyring = keyring
        self._claimed = ExitStack()
        self._discovered: Catalog = WELL_KNOWN
        self._connection: Connection | None = None
        self._guessed_identity = ""
        self._unversioned: str | None = None
        self._pages_from_cache = False
        self._relists = asyncio.Semaphore(RELISTS_AT_ONCE)
        self._rediscover = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._recognising: asyncio.Task[None] | None = None

    @property
    def connection(self) -> Connection | None:
        """To its API server, which may not have answered yet; None while there is no way to it."""
        return self._connection

    @property
    def api_client(self) -> ClusterApiClient | None:
        """kubernetes_asyncio's client of its API server, for extensions: ``CoreV1Api(cluster.api_client)``.

        It shares the connections and credentials that the cluster is watched with. None while there is no
        way to it; a cluster that is connected anew has another one.
        """
        return self._connection.api_client if self._connection is not None else None

    @property
    def options(self) -> ClusterOptions:
        """What holds for this cluster now."""
        return self._options

    # Its state

    @property
    def condition(self) -> Condition:
        """The condition of the cluster as a whole."""
        return self._health.condition(is_lost=self._connection is not None and self._connection.is_lost)

    def condition_of(self, name: str) -> Condition:
        """Return the condition of one resource. One that the cluster is known not to have is synced."""
        return self._health.condition_of(name, self.catalog)

    def objects(self) -> int:
        """Return the number of objects that are held of it."""
        return self.watches.objects()

    # Its life

    def start(self) -> None:
        """Begin to connect, to discover and to watch, in the background."""
        self._spawn(self._run())

    async def close(self) -> None:
        """Stop all watches, and close the connection."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self.watches.stop(), return_exceptions=True)
        await self._disconnect()

    async def _run(self) -> None:
        backoff = Backoff(*RETRY_SECONDS, jitter=0.5)
        while (problem := await self._attempt()) is not None:
            self._health.connecting = self._health.connecting.then("unreachable", problem)
            self.settled.set()
            self._health.report(self.condition)
            self._notify()
            await asyncio.sleep(backoff.next())
        crds = self.catalog.get(CRDS)
        if crds is not None:
            reflector = self._reflector(crds, self.definitions, None)
            self._spawn(keep_running(reflector, self.definitions, self.name, crds))
        while True:
            await self._follow()

    async def _attempt(self) -> str | None:
        """Connect, or say in one line why that did not work."""
        try:
            await self._connect()
        except TimeoutError:
            return f"no answer within {2 * CONNECT_SECONDS:.0f} s"
        except (AccessError, CannotConnect) as error:
            # What the kubeconfig names may be another one now: certificates, a token, an address.
            await self._disconnect()
            return str(error)
        except (ApiError, ConnectionFailed) as error:
            return str(error)
        return None

    async def _open(self) -> None:
        with ExitStack() as undoing:
            undoing.callback(BUDGET.claim(self._options.sockets))
            # Certificates of many clusters are read one after the other, which is nobody's fault.
            access = await open_access(self.context, self._keyring)
            self._claimed = undoing.pop_all()
        self._guessed_identity = access.identity
        self._connection = Connection(access, connect_timeout=CONNECT_SECONDS, idle_timeout=IDLE_SECONDS)

    async def _connect(self) -> None:
        """Reach the cluster and learn what it serves, all within the time for it.

        The connection stays where that fails: requests are passed on by it in any case.
        """
        if self._connection is None:
            await self._open()
        assert self._connection is not None
        async with asyncio.timeout(2 * CONNECT_SECONDS):
            number = await self._learn_version(self._connection)
            self._discovered = await discover(self._connection)
            self.identity = await _kube_system_uid(self._connection) or self._guessed_identity
        self._pages_from_cache = number >= PAGES_FROM_CACHE_SINCE
        self._health.connecting = self._health.connecting.then("synced", None)
        self._note_problems(None)
        self.definitions_changed()
        self.settled.set()

    async def _learn_version(self, connection: Connection) -> tuple[int, int]:
        """The API server's version; that of an old one where it does not say."""
        try:
            self.version, number = await server_version(connection)
        except (ApiError, UnreadableAnswer) as error:
            if isinstance(error, ApiError) and error.status == UNAUTHORIZED:
                raise
            self._unversioned = f"/version: {error}"
            return (0, 0)
        self._unversioned = None
        return number

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        self._claimed.close()

    async def _follow(self) -> None:
        """Look once, when there is reason to or after a while, at what the cluster serves."""
        untold = self.definitions.condition.state == "forbidden" or bool(self.problems)
        patience = REDISCOVER_UNTOLD_SECONDS if untold else REDISCOVER_SECONDS
        # Not wait_for: until Python 3.12 it may take a cancellation for the event.
        with suppress(TimeoutError):
            async with asyncio.timeout(min(patience, self._options.release_after) * random.uniform(0.8, 1)):
                await self._rediscover.wait()
        self._rediscover.clear()
        assert self._connection is not None
        # The watches tell how the cluster is; what it served before is the best guess meanwhile.
        failure = None
        try:
            if self._unversioned is not None:
                await self._learn_version(self._connection)
            self._discovered = await discover(self._connection, self._discovered)
        except (ApiError, ConnectionFailed, AccessError) as error:
            failure = f"discovery: {error}"
        self._note_problems(failure)
        self.definitions_changed()
        self.watches.release()
        # Discovery may lag behind the removal that it is asked about: not faster than this.
        await asyncio.sleep(RETRY_SECONDS[0])

    def _note_problems(self, failure: str | None) -> None:
        """What of the cluster's discovery cannot be had: a line of log for each that is new."""
        problems = [*filter(None, (self._unversioned, failure)), *self._discovered.problems]
        for problem in problems:
            if problem not in self.problems:
                log.warning("discovery is incomplete", extra={"cluster": self.name, "problem": problem})
        self.problems = problems

    def _notify(self) -> None:
        self._on_change(self.name)

    def _reflector(self, resource: Resource, sink: Sink, namespace: str | None) -> Reflector:
        assert self._connection is not None
        return Reflector(
            self._connection,
            resource,
            sink,
            namespace=namespace,
            body_format=self._options.body_format_of(resource),
            pages_from_cache=self._pages_from_cache,
            relists=self._relists,
        )

    # What happens to its watches (`app.fleet.watch_listener.WatchListener`)

    def condition_changed(self) -> None:
        """Report the condition; after trouble, check whether this is the same cluster."""
        self._health.report(self.condition)
        self._notify()
        if self._health.has_recovered():
            self.watches.wake()
            self._check_identity()
            self._rediscover.set()

    def list_replaced(self) -> None:
        """Check whether another cluster answers under the old address."""
        self._check_identity()

    def watches_changed(self) -> None:
        """Tell whoever follows this cluster that other resources are watched."""
        self._notify()

    def resource_gone(self) -> None:
        """Discover soon what the cluster serves now."""
        self._rediscover.set()

    def definitions_changed(self) -> None:
        """Follow what the cluster serves: by discovery, and by its definitions, which are faster."""
        if self._health.connecting.state == "synced":
            defined = self.definitions
            self.catalog = self._discovered.with_crds(defined.resources(), gone=defined.gone())
            self.watches.follow(self.catalog)
            self._notify()

    def _check_identity(self) -> None:
        if self._recognising is None or self._recognising.done():
            self._recognising = self._spawn(self._recognise())

    async def _recognise(self) -> None:
        """List everything anew where another cluster answers under the old address."""
        assert self._connection is not None
        with suppress(ApiError, ConnectionFailed, AccessError):
            uid = await _kube_system_uid(self._connection)
            if uid is not None and uid != self.identity:
                log.warning(
                    "another cluster answers", extra={"cluster": self.name, "was": self.identity, "is": uid}
                )
                self.identity = uid
                self.watches.relist()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("following failed", extra={"cluster": self.name}, exc_info=fault)


async def _kube_system_uid(connection: Connection) -> str | None:
    """What tells one cluster from another; None where it cannot be read."""
    try:
        body = await connection.get("/api/v1/namespaces/kube-system", timeout=CONNECT_SECONDS)
        return text(msgspec.json.decode(body), "metadata", "uid") or None
    except ApiError as error:
        if error.status == UNAUTHORIZED:
            raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return None
