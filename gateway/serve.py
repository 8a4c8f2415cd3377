"""Builds one gateway process, serves, and drains when told to end.

Rule: everything that the process holds is made here and handed on; nothing is made at import time.
"""

import gc
import os
import secrets
import signal
import socket
from collections.abc import Callable

import gevent
import structlog
from gevent.event import Event

from common import clock
from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.records import Question
from common.db import make_engine
from common.errors import Unavailable
from common.logs import configure_logs
from common.sealing.keyring import Keyring
from common.settings import read_or_exit
from common.signals import Signals
from gateway.admission import Admission
from gateway.app import Gateway
from gateway.asking import Questions, spawn_forever
from gateway.attended import AttendedCalls
from gateway.catalog.catalogs import Catalogs
from gateway.cuts import Cuts
from gateway.directory.loader import Loader
from gateway.directory.snapshots import Snapshots
from gateway.directory.upstreams import Upstreams
from gateway.health import Health
from gateway.http import HttpLimits, Server
from gateway.mcp_sessions.store import McpSessions
from gateway.mcp_sessions.upstream import SessionStores
from gateway.open_exchanges import OpenExchanges
from gateway.open_streams import OpenStreams
from gateway.parked import ParkedCalls
from gateway.parts import Parts
from gateway.protocol.refusals import unavailable
from gateway.recorder import Recorder
from gateway.relayed import RelayedRequests
from gateway.request_states import RequestStates
from gateway.session_streams import SessionStreams
from gateway.settings import GatewaySettings
from gateway.signals import SessionEnded, SignalBoard
from gateway.watches.watches import Watches
from upstream.address import Addresses
from upstream.wire import Pool, WireLimits

# A load balancer and the deployment give a process this long to answer what it has begun.
DRAIN_SECONDS = 25
TICK_SECONDS = 1
# Idle connections are closed this late at most, idle sessions long after.
SWEEP_SECONDS = 5
# What is cut ends within a turn of the loop, and queues its record.
CUT_SECONDS = 0.05
# Calls shorter than this cost no watcher for their client's leaving; the others are looked for as often.
WATCH_AFTER_SECONDS = 0.25
DATABASE_CONNECTIONS = 4
LOOKUP_THREADS = 64

log = structlog.get_logger()


def serve(listener_fd: int, supervisor: int | None) -> None:
    """Serve on an inherited listening socket until SIGTERM, or until the supervisor (a process id) has gone."""
    settings = read_or_exit(GatewaySettings, "gateway")
    configure_logs("gateway")
    if settings.rate_window_us != 60 * clock.MICROSECONDS:
        log.warning("STOA_RATE_WINDOW is set: this is for tests and benches only", microseconds=settings.rate_window_us)
    # Names are looked up in threads: a few that hang must not hold up everybody's new connections.
    gevent.get_hub().threadpool.maxsize = LOOKUP_THREADS
    process = Process(settings, socket.socket(fileno=listener_fd))
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    process.start()
    # What has been made so far stays for good: looking through it again and again would stop everything for 50 ms.
    gc.collect()
    gc.freeze()
    log.info("serving", port=settings.port, boot=process.boot)
    while not stop.wait(TICK_SECONDS):
        if supervisor is not None and os.getppid() != supervisor:
            log.warning("the supervisor has gone: ending")
            break
    process.stop()


class Process:
    """The parts of one gateway process, and the greenlets that keep them going."""

    def __init__(self, settings: GatewaySettings, listener: socket.socket) -> None:
        self.boot = secrets.token_hex(6)
        redis = connect(settings.redis_url)
        self._asker = Asker(redis, self.boot, settings.rate_window_us)
        self._board = SignalBoard(Signals(redis, self.boot), self.boot)
        self._recorder = Recorder(self._asker)
        self._health = Health(self._recorder)
        self._questions = Questions(self._asker, self._end_abandoned)
        loader = Loader(make_engine(settings.database_url, read_only=True, pool_size=DATABASE_CONNECTIONS))
        snapshots = Snapshots(loader.read_snapshot)
        admission = Admission(self._questions, self._asker, loader, settings.rate_window_us)
        self._open = OpenExchanges(settings.max_concurrent, settings.max_open_streams)
        self._parked = ParkedCalls(self.boot, RequestStates(settings.master_keys), self._board)
        self._cuts = Cuts(self._asker, admission, snapshots, self._open, self._parked)
        limits = WireLimits(body_bytes=settings.max_result)
        self._upstreams = Upstreams(
            Keyring(settings.master_keys),
            Pool(Addresses(private=settings.allow_private_upstreams), limits=limits),
            SessionStores(redis).make,
            allow_http=settings.allow_http_upstreams,
        )
        catalogs = Catalogs(self._upstreams, self._board.tell_all)
        mcp_sessions = McpSessions(redis)
        relayed = RelayedRequests(self.boot, settings.master_keys, self._board)
        self._streams = OpenStreams()
        self._watches = Watches(self._streams, self._upstreams, snapshots, admission, self._board, catalogs, relayed)
        self._gateway = Gateway(
            settings,
            self.boot,
            Parts(
                health=self._health,
                admission=admission,
                snapshots=snapshots,
                catalogs=catalogs,
                upstreams=self._upstreams,
                attended=AttendedCalls(self._streams),
                recorder=self._recorder,
                open_exchanges=self._open,
                board=self._board,
                mcp_sessions=mcp_sessions,
                relayed=relayed,
                parked=self._parked,
                streams=self._streams,
                session_streams=SessionStreams(self._streams, self._watches, mcp_sessions, self._board),
                watches=self._watches,
            ),
        )
        self._board.on(SessionEnded, self._end_mcp_session)
        self._server = Server(listener, self._gateway, HttpLimits(max_body=settings.max_body))

    def start(self) -> None:
        loops: tuple[Callable[[], None], ...] = (
            self._questions.run,
            self._recorder.run,
            self._cuts.run,
            self._board.run,
            self._watches.run,
            self._streams.keep_alive,
            self._keep_epoch,
            self._keep_house,
            self._sweep_upstreams,
            self._watch_clients,
        )
        for run in loops:
            spawn_forever(run, self._report)
        self._server.start()

    def stop(self) -> None:
        """Take nothing new, answer what has begun, write every end."""
        self._health.is_draining = True
        self._server.stop_accepting()
        self._streams.finish_all()
        cut = self._server.drain(DRAIN_SECONDS)
        self._watches.close(TICK_SECONDS)
        for exchange in self._open.all():  # what outlives its client, or this process's patience
            self._open.cut(exchange, unavailable("The gateway is being restarted. Try again in a second."))
        gevent.sleep(CUT_SECONDS)
        self._recorder.drain(TICK_SECONDS)
        self._server.close()
        log.info("ended", connections_cut=cut, records_unwritten=self._recorder.waiting)

    def _keep_epoch(self) -> None:
        """Notice a restarted or replaced Redis within a second, and say that this process lives."""
        epoch = b""
        while True:
            try:
                before, epoch = epoch, self._asker.refresh_epoch()
                self._asker.heartbeat()
                self._health.redis_answers = True
                if before and epoch != before:
                    self._cuts.review_all()
            except Unavailable:
                self._health.redis_answers = False
            gevent.sleep(TICK_SECONDS)

    def _keep_house(self) -> None:
        while True:
            gevent.sleep(TICK_SECONDS)
            self._parked.sweep()

    def _sweep_upstreams(self) -> None:
        """In a loop of its own: it may have to wait for Redis."""
        while True:
            gevent.sleep(SWEEP_SECONDS)
            self._upstreams.sweep()

    def _watch_clients(self) -> None:
        while True:
            gevent.sleep(WATCH_AFTER_SECONDS)
            self._open.cut_expired(clock.now_us())
            self._open.watch_clients(clock.now_us() - round(WATCH_AFTER_SECONDS * clock.MICROSECONDS))

    def _end_mcp_session(self, ended: SessionEnded) -> None:
        """What servers keep for this session alone is over as well."""
        self._upstreams.end_mcp_session(ended.slug, ended.session)

    def _end_abandoned(self, question: Question) -> None:
        """Nobody waits any more for this call that was admitted: end it, so that no note of it stays."""
        self._recorder.end_in_doubt(question.slug, question.digest, question.call_id)

    def _report(self, fault: BaseException) -> None:
        log.error("a loop failed and begins anew", fault=repr(fault))
