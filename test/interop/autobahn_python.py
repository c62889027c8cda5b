"""The router as Autobahn|Python sees it, on asyncio.  Prints TAP; a case's name is its docstring.

FOX_PORT and PSQL say which cluster (test/cluster prints both); autobahn_python.test.js runs this.
"""
import asyncio
import itertools
import logging
import os
import subprocess
import sys
import traceback
import unittest
from collections import namedtuple

import txaio
from autobahn.asyncio.rawsocket import WampRawSocketClientFactory, WampRawSocketClientProtocol
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp import message
from autobahn.wamp.auth import AuthTicket, AuthWampCra
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.request import PublishRequest
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallOptions, CallResult, ComponentConfig, PublishOptions, RegisterOptions, SubscribeOptions

logging.disable()  # transports are broken on purpose

HOST, PORT = "127.0.0.1", int(os.environ["FOX_PORT"])
PATIENCE = 20
SERIALIZERS = {"JSON": JsonSerializer, "MessagePack": MsgPackSerializer, "CBOR": CBORSerializer}
ACKNOWLEDGED = PublishOptions(acknowledge=True)

counter = itertools.count(1)
Event = namedtuple("Event", "args kwargs details")


def fresh(name="t"):
    """A URI that no other test uses."""
    return f"test.py{os.getpid()}.{name}{next(counter)}"


def sql(*statements):
    commands = [word for statement in statements for word in ("-c", statement)]
    return subprocess.run([os.environ["PSQL"], "-Atq", "-v", "ON_ERROR_STOP=1", *commands],
                          check=True, capture_output=True, text=True).stdout.strip()


class AcknowledgedPublish(message.Publish):
    """With the option that PublishOptions does not have."""

    def marshal_options(self):
        return {**super().marshal_options(), "x_acknowledged_delivery": True}


class Session(ApplicationSession):
    """A session as two futures: joined, and left with the details of its end; login is an authenticator of autobahn's."""

    def __init__(self, realm, login=None):
        super().__init__(ComponentConfig(realm))
        self.login = login
        loop = asyncio.get_running_loop()
        self.joined, self.left = loop.create_future(), loop.create_future()

    @property
    def id(self):
        return self._session_id

    def onConnect(self):
        if self.login:
            self.join(self.config.realm, [self.login.name], self.login._args["authid"], authextra=self.login.authextra)
        else:
            super().onConnect()

    def onChallenge(self, challenge):
        return self.login.on_challenge(self, challenge)

    def onJoin(self, details):
        self.joined.set_result(details)

    def onLeave(self, details):
        self.left.set_result(details)
        if not self.joined.done():
            self.joined.set_exception(ApplicationError(details.reason, details.message))
        self.disconnect()

    def onUserError(self, fail, msg):
        pass

    def abort(self):
        if self._transport:
            self._transport.abort()

    async def listen(self, topic, **options):
        """Subscribes; the events come into the queue that is returned."""
        queue = asyncio.Queue()

        def put(*args, details, **kwargs):
            queue.put_nowait(Event(list(args), kwargs, details))

        queue.subscription = await self.subscribe(put, topic, SubscribeOptions(details=True, **options))
        return queue


    def publish_acknowledged(self, topic, *args):
        request = self._request_id_gen.next()
        reply = asyncio.get_running_loop().create_future()
        self._publish_reqs[request] = PublishRequest(request, reply, was_encrypted=False)
        self._transport.send(AcknowledgedPublish(request, topic, args=args, acknowledge=True))
        return reply


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE)


async def next_args(queue):
    return (await soon(queue.get())).args


async def event_with(queue, fits):
    """The next event whose arguments fit; the router's other clients cause some too."""
    while not fits(*(event := await soon(queue.get())).args):
        pass
    return event


class RawSocket(WampRawSocketClientProtocol):
    """With what version 22.7.1 has forgotten, and asks for at a WELCOME."""

    @property
    def transport_details(self):
        return self._transport_details


class RawSocketFactory(WampRawSocketClientFactory):
    protocol = RawSocket


class AutobahnPython(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        loop = txaio.config.loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # a cancelled procedure is one

    async def open(self, realm="realm1", transport="websocket", serializer="JSON", login=None):
        session = Session(realm, login)
        serializer = SERIALIZERS[serializer]()
        if transport == "websocket":
            factory = WampWebSocketClientFactory(lambda: session, url=f"ws://{HOST}:{PORT}/ws", serializers=[serializer])
        else:
            factory = RawSocketFactory(lambda: session, serializer=serializer)
        await asyncio.get_running_loop().create_connection(factory, HOST, PORT)
        self.addCleanup(session.abort)
        return session

    async def join(self, *args, **kwargs):
        session = await self.open(*args, **kwargs)
        session.welcome = await soon(session.joined)
        return session

    async def refused(self, awaitable, error):
        with self.assertRaises(ApplicationError) as caught:
            await soon(awaitable)
        self.assertEqual(caught.exception.error, error)
        return caught.exception

    # --- logging in

    async def test_login(self):
        """log in with a ticket and with WAMP-CRA, and be refused"""
        name, role = fresh("user"), f"py_role_{os.getpid()}"
        sql(f"CREATE ROLE {role}", f"SELECT fox_wamp.create_group('{name}', '{role}')",
            f"SELECT fox_wamp.create_user('{name}', '{name}', 'secret')")
        try:
            for login in (AuthTicket(authid=name, ticket="secret"), AuthWampCra(authid=name, secret="secret")):
                for serializer in SERIALIZERS:
                    a = await self.join(login=login, serializer=serializer)
                    self.assertEqual((a.welcome.authid, a.welcome.authrole, a.welcome.authmethod), (name, role, login.name))
            a = await self.open(login=AuthWampCra(authid=name, secret="wrong"))
            await self.refused(a.joined, "wamp.error.authentication_denied")
            a = await self.open(login=AuthTicket(authid=name, ticket="wrong"))
            await self.refused(a.joined, "wamp.error.authentication_denied")
        finally:
            sql(f"SELECT fox_wamp.drop_user('{name}')", f"DELETE FROM fox_wamp.auth_group WHERE ident = '{name}'", f"DROP ROLE {role}")

    # --- sessions

    async def joins_over(self, transport, serializer):
        a = await self.join(transport=transport, serializer=serializer)
        self.assertEqual(a.welcome.authrole, "anonymous")
        details = await soon(a.call("wamp.session.get", a.id))
        self.assertEqual((details["session"], details["transport"]["type"]), (a.id, transport))
        other = await self.join(serializer="CBOR" if serializer == "JSON" else "JSON")
        procedure = fresh("echo")
        await a.register(lambda value: value, procedure)
        values = [None, True, -1, 1.5, "ä€😀", "", [], {"deep": [{"list": [1, [2]]}]},
                  2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63, 2 ** 64 - 1, b"", bytes(range(256)), {"b": [b"\0\xff"]}]
        for value in values:
            self.assertEqual(await soon(other.call(procedure, value)), value)

    async def test_goodbye(self):
        """a session that leaves is answered with GOODBYE"""
        a = await self.join()
        a.leave()
        self.assertEqual((await soon(a.left)).reason, "wamp.close.goodbye_and_out")

    async def test_no_such_realm(self):
        """a realm that does not exist ends in ABORT"""
        a = await self.open(realm="no.such.realm")
        self.assertEqual((await soon(a.left)).reason, "wamp.error.no_such_realm")
        await self.refused(a.joined, "wamp.error.no_such_realm")

    async def test_session_meta(self):
        """sessions: on_join, count, list, get, on_leave"""
        a = await self.join()
        joined, left = await a.listen("wamp.session.on_join"), await a.listen("wamp.session.on_leave")
        b = await self.join()
        await event_with(joined, lambda details: details["session"] == b.id)
        ids = await soon(a.call("wamp.session.list"))
        self.assertLessEqual({a.id, b.id}, set(ids))
        self.assertGreaterEqual(await soon(a.call("wamp.session.count")), 2)
        self.assertEqual((await soon(a.call("wamp.session.get", b.id)))["authrole"], "anonymous")
        await self.refused(a.call("wamp.session.get", 4711), "wamp.error.no_such_session")
        id = b.id
        b.abort()
        await event_with(left, lambda session, *_: session == id)

    async def test_kill(self):
        """wamp.session.kill ends a session with reason and message"""
        a, b = await self.join(), await self.join()
        await soon(a.call("wamp.session.kill", b.id, reason="com.example.enough", message="go home"))
        details = await soon(b.left)
        self.assertEqual((details.reason, details.message), ("com.example.enough", "go home"))

    async def test_testament(self):
        """a testament is published when the session is lost, not after it was flushed"""
        a, b, c = await self.join(), await self.join(), await self.join()
        topic = fresh("last")
        queue = await a.listen(topic)
        for session, word in ((b, "will"), (c, "flushed")):
            await soon(session.call("wamp.session.add_testament", topic, [word], {"by": "python"}))
        await soon(c.call("wamp.session.flush_testaments"))
        c.abort()
        b.abort()
        event = await soon(queue.get())
        self.assertEqual((event.args, event.kwargs), (["will"], {"by": "python"}))
        await soon(a.publish(topic, "end", options=PublishOptions(acknowledge=True, exclude_me=False)))
        self.assertEqual(await next_args(queue), ["end"])

    # --- publish and subscribe

    async def test_publish(self):
        """an acknowledged event has its publication's id, and does not come to its publisher"""
        a, b = await self.join(), await self.join()
        topic = fresh()
        mine, theirs = await a.listen(topic), await b.listen(topic)
        publication = await soon(a.publish(topic, 1, None, "ä", word="€", options=ACKNOWLEDGED))
        event = await soon(theirs.get())
        self.assertEqual((event.args, event.kwargs), ([1, None, "ä"], {"word": "€"}))
        self.assertEqual((event.details.publication, event.details.topic), (publication.id, topic))
        await soon(b.publish(topic, "from b", options=ACKNOWLEDGED))
        self.assertEqual(await next_args(mine), ["from b"])

    async def test_exclude_me(self):
        """exclude_me=False: the publisher hears itself"""
        a = await self.join()
        topic = fresh()
        queue = await a.listen(topic)
        a.publish(topic, "me", options=PublishOptions(exclude_me=False))
        self.assertEqual(await next_args(queue), ["me"])

    async def test_lists(self):
        """exclude and eligible, by session, authid and authrole"""
        a, b, c = await self.join(), await self.join(), await self.join()
        topic = fresh()
        queues = [await b.listen(topic), await c.listen(topic)]
        for word, options in (
                ("not b", {"exclude": [b.id]}),
                ("b", {"eligible": [b.id]}),
                ("not b of both", {"eligible": [b.id, c.id], "exclude": [b.id]}),
                ("authid", {"eligible_authid": ["anonymous"]}),
                ("no authid", {"exclude_authid": ["anonymous"]}),
                ("authrole", {"eligible_authrole": ["anonymous"]}),
                ("no authrole", {"exclude_authrole": ["anonymous"]}),
                ("other authrole", {"eligible_authrole": ["somebody"]}),
                ("end", {})):
            await soon(a.publish(topic, word, options=PublishOptions(acknowledge=True, **options)))
        heard = [[], []]
        for words, queue in zip(heard, queues):
            while not words or words[-1] != "end":
                words.extend(await next_args(queue))
        self.assertEqual(heard, [["b", "authid", "authrole", "end"],
                                 ["not b", "not b of both", "authid", "authrole", "end"]])

    async def test_patterns(self):
        """prefix and wildcard subscriptions, with the topic in the details"""
        a, b = await self.join(), await self.join()
        base = fresh()
        prefix = await b.listen(f"{base}.pre", match="prefix")
        wildcard = await b.listen(f"{base}..z", match="wildcard")
        for tail in ("pre.a", "prefixed", "other", "y.z", "y.q.z", "pre.z"):
            await soon(a.publish(f"{base}.{tail}", tail, options=ACKNOWLEDGED))
        for queue, tails in ((prefix, ("pre.a", "prefixed", "pre.z")), (wildcard, ("y.z", "pre.z"))):
            for tail in tails:
                event = await soon(queue.get())
                self.assertEqual((event.args, event.details.topic), ([tail], f"{base}.{tail}"))

    async def test_unsubscribe(self):
        """nothing comes after UNSUBSCRIBED"""
        a, b = await self.join(), await self.join()
        topic = fresh()
        queue, still = await b.listen(topic), await b.listen(f"{topic}.still")
        await soon(queue.subscription.unsubscribe())
        for name in (topic, f"{topic}.still"):
            await soon(a.publish(name, "x", options=ACKNOWLEDGED))
        self.assertEqual(await next_args(still), ["x"])
        self.assertTrue(queue.empty())

    async def test_retained(self):
        """retain and get_retained"""
        a, b = await self.join(), await self.join()
        topic = fresh("kept")
        for value in (1, 2):
            await soon(a.publish(topic, value, unit="V", options=PublishOptions(acknowledge=True, retain=True)))
        queue = await b.listen(topic, get_retained=True)
        event = await soon(queue.get())
        self.assertEqual((event.args, event.kwargs, event.details.retained), ([2], {"unit": "V"}, True))
        await soon(a.publish(topic, 3, options=ACKNOWLEDGED))
        event = await soon(queue.get())
        self.assertEqual((event.args, event.details.retained), ([3], None))

    async def test_acknowledged_delivery(self):
        """EVENT_RECEIVED: a publish is acknowledged when the event's handlers have ended"""
        a = await self.join()
        topic = fresh()
        loop = asyncio.get_running_loop()
        heard, may_end = asyncio.Queue(), loop.create_future()

        async def handler(word):
            heard.put_nowait(word)
            await may_end

        for serializer in SERIALIZERS:
            b = await self.join(serializer=serializer)
            await soon(b.subscribe(handler, topic))
        reply = a.publish_acknowledged(topic, "x")
        for _ in SERIALIZERS:
            self.assertEqual(await soon(heard.get()), "x")
        await soon(a.call("wamp.session.count"))
        self.assertFalse(reply.done())
        may_end.set_result(True)
        await soon(reply)

    async def test_numbers_and_octets(self):
        """an event with 64-bit integers and octets, heard in all serializers"""
        topic = fresh()
        queues = [await (await self.join(serializer=name)).listen(topic) for name in SERIALIZERS]
        args = [2 ** 63 - 1, -2 ** 63, 2 ** 64 - 1, bytes(range(256)), {"b": b"\0"}]
        for name in SERIALIZERS:
            a = await self.join(serializer=name)
            await soon(a.publish(topic, *args, options=ACKNOWLEDGED))
            for queue in queues:
                self.assertEqual(await next_args(queue), args)

    async def test_refused_topics(self):
        """an acknowledged publish to a topic of the router is refused"""
        a = await self.join()
        await self.refused(a.publish("wamp.my.topic", options=ACKNOWLEDGED), "wamp.error.invalid_uri")

    async def test_subscription_meta(self):
        """subscriptions: on_create, lookup, match, get, list_subscribers, count_subscribers"""
        a, b = await self.join(), await self.join()
        topic = fresh()
        created = await a.listen("wamp.subscription.on_create")
        id = (await b.listen(topic, match="prefix")).subscription.id
        event = await event_with(created, lambda _, details: details["uri"] == topic)
        self.assertEqual((event.args[0], event.args[1]["id"], event.args[1]["match"]), (b.id, id, "prefix"))
        self.assertEqual(await soon(a.call("wamp.subscription.lookup", topic, {"match": "prefix"})), id)
        self.assertIsNone(await soon(a.call("wamp.subscription.lookup", topic)))
        self.assertIn(id, await soon(a.call("wamp.subscription.match", f"{topic}.x")))
        self.assertEqual((await soon(a.call("wamp.subscription.get", id)))["uri"], topic)
        self.assertEqual(await soon(a.call("wamp.subscription.list_subscribers", id)), [b.id])
        self.assertEqual(await soon(a.call("wamp.subscription.count_subscribers", id)), 1)

    # --- calls

    async def test_call(self):
        """arguments and results, by place and by name"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")
        registration = await soon(a.register(lambda *args, **kwargs: CallResult(*args, **kwargs), procedure))
        result = await soon(b.call(procedure, 1, "two", three=3))
        self.assertEqual((list(result.results), result.kwresults), ([1, "two"], {"three": 3}))
        await soon(registration.unregister())
        await self.refused(b.call(procedure), "wamp.error.no_such_procedure")

    async def test_errors(self):
        """an error has the callee's URI, arguments and keyword arguments"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")

        def fail():
            raise ApplicationError("com.example.bad", 1, "two", reason="so")

        await soon(a.register(fail, procedure))
        error = await self.refused(b.call(procedure), "com.example.bad")
        self.assertEqual((list(error.args), error.kwargs), ([1, "two"], {"reason": "so"}))

    async def test_already_registered(self):
        """a procedure of another session is not registered again"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")
        await soon(a.register(lambda: "a", procedure))
        await self.refused(b.register(lambda: "b", procedure), "wamp.error.procedure_already_exists")

    async def test_force_reregister(self):
        """force_reregister takes a procedure over"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")
        forced = RegisterOptions(force_reregister=True)
        await soon(a.register(lambda: "a", procedure, forced))
        await soon(b.register(lambda: "b", procedure, forced))
        self.assertEqual(await soon(a.call(procedure)), "b")
        self.assertFalse(a.left.done())

    async def test_progressive_results(self):
        """progressive results come in order, then the result"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")

        def count(to, details):
            for i in range(to):
                details.progress(i)
            return "done"

        await soon(a.register(count, procedure, RegisterOptions(details=True)))
        heard = []
        self.assertEqual(await soon(b.call(procedure, 10, options=CallOptions(on_progress=heard.append))), "done")
        self.assertEqual(heard, list(range(10)))

    async def test_cancel(self):
        """a call that is cancelled is interrupted at its callee, who goes on"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")
        loop = asyncio.get_running_loop()
        started, interrupted = loop.create_future(), loop.create_future()

        async def wait():
            started.set_result(True)
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                interrupted.set_result(True)
                raise

        registration = await soon(a.register(wait, procedure))
        call = b.call(procedure)
        await soon(started)
        call.cancel()
        await soon(interrupted)
        self.assertEqual(await soon(b.call("wamp.registration.list_callees", registration.id)), [a.id])

    async def test_timeout(self):
        """a call that takes longer than its timeout fails, and its callee is interrupted"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")
        interrupted = asyncio.get_running_loop().create_future()

        async def wait():
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                interrupted.set_result(True)
                raise

        await soon(a.register(wait, procedure))
        await self.refused(b.call(procedure, options=CallOptions(timeout=100)), "wamp.error.timeout")
        await soon(interrupted)

    async def test_shared(self):
        """a shared registration, roundrobin"""
        a, b, c = await self.join(), await self.join(), await self.join()
        procedure = fresh("p")
        for session, word in ((a, "a"), (b, "b")):
            await soon(session.register(lambda word=word: word, procedure, RegisterOptions(invoke="roundrobin")))
        heard = [await soon(c.call(procedure)) for _ in range(4)]
        self.assertEqual(heard, ["a", "b", "a", "b"])

    async def test_pattern_registrations(self):
        """the longest prefix is called, an exact procedure before it, a wildcard after it"""
        a, b = await self.join(), await self.join()
        base = fresh("p")
        for match, uri in (("exact", f"{base}.a.b"), ("prefix", f"{base}.a"), ("prefix", f"{base}.a.b.c"), ("wildcard", f"{base}..w")):
            await soon(a.register(lambda details, name=f"{match} {uri}": [name, details.procedure],
                                  uri, RegisterOptions(match=match, details=True)))
        for called, registered in (("a.b", "exact {}.a.b"), ("a.x", "prefix {}.a"), ("a.b.c.d", "prefix {}.a.b.c"),
                                   ("a.w", "prefix {}.a"), ("x.w", "wildcard {}..w")):
            self.assertEqual(await soon(b.call(f"{base}.{called}")), [registered.format(base), f"{base}.{called}"])

    async def test_registration_meta(self):
        """registrations: on_create, lookup, match, get, list_callees, count_callees"""
        a, b = await self.join(), await self.join()
        procedure = fresh("p")
        created = await a.listen("wamp.registration.on_create")
        id = (await soon(b.register(lambda: 1, procedure, RegisterOptions(invoke="random")))).id
        event = await event_with(created, lambda _, details: details["uri"] == procedure)
        self.assertEqual((event.args[0], event.args[1]["id"], event.args[1]["invoke"]), (b.id, id, "random"))
        self.assertEqual(await soon(a.call("wamp.registration.lookup", procedure)), id)
        self.assertEqual(await soon(a.call("wamp.registration.match", procedure)), id)
        self.assertEqual((await soon(a.call("wamp.registration.get", id)))["uri"], procedure)
        self.assertEqual(await soon(a.call("wamp.registration.list_callees", id)), [b.id])
        self.assertEqual(await soon(a.call("wamp.registration.count_callees", id)), 1)

    async def test_disclosure(self):
        """a realm that names everybody: publisher and caller in the details"""
        realm = fresh("realm")
        sql(f"SELECT fox_wamp.create_realm('{realm}')",
            f"UPDATE fox_wamp.realm SET disclosure = 'always' WHERE name = '{realm}'", "SELECT fox_wamp.sync()")
        self.addCleanup(sql, f"SELECT fox_wamp.drop_realm('{realm}')")
        a, b = await self.join(realm=realm), await self.join(realm=realm)
        queue = await a.listen("a.topic")
        await soon(a.register(lambda details: [details.caller, details.caller_authrole], "a.procedure", RegisterOptions(details=True)))
        await soon(b.publish("a.topic", options=ACKNOWLEDGED))
        details = (await soon(queue.get())).details
        self.assertEqual((details.publisher, details.publisher_authid, details.publisher_authrole), (b.id, "anonymous", "anonymous"))
        self.assertEqual(await soon(b.call("a.procedure")), [b.id, "anonymous"])


def joining(transport, name, serializer):
    async def test(self):
        await self.joins_over(transport, serializer)
    test.__doc__ = f"{name} and {serializer}: join, and a call with values of every kind"
    return test


for _transport, _name in (("websocket", "WebSocket"), ("rawsocket", "RawSocket")):
    for _serializer in SERIALIZERS:
        setattr(AutobahnPython, f"test_join_{_transport}_{_serializer.lower()}", joining(_transport, _name, _serializer))


class Tap(unittest.TestResult):
    def report(self, verdict, test, error=None):
        if error:
            for line in "".join(traceback.format_exception(*error)).splitlines():
                print("#", line)
        print(f"{verdict} {self.testsRun} - {test.shortDescription()}", flush=True)

    def addSuccess(self, test):
        self.report("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report("not ok", test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.report("not ok", test, err)


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(AutobahnPython)
    result = Tap()
    suite.run(result)
    print(f"1..{result.testsRun}", flush=True)
    sys.exit(not result.wasSuccessful())
