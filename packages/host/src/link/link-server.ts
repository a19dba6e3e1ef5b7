import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { toHex } from '@ogong/protocol/base/bytes';
import { StoreError } from '../store/store-error.ts';
import { type Clock, monotonicClock } from '../time/clock.ts';
import { asSocket } from './as-socket.ts';
import { createByteBudget } from './byte-budget.ts';
import { createEarnedCalls, type EarnedCalls } from './earned-calls.ts';
import { type Caller, createLinkAdmission, type Greeting } from './link-admission.ts';
import { type CalledMethod, createDispatch } from './link-dispatch.ts';
import { RateLimited, Refusal } from './link-error.ts';
import type { LinkIdentity, PeerId } from './link-identity.ts';
import { DEFAULT_SERVER_LIMITS, type LinkServerLimits } from './link-limits.ts';
import { createTlsOptions } from './link-tls.ts';
import { type LinkWatchOptions, watchLinks } from './link-watch.ts';
import { addressOf, listen } from './listen.ts';
import type { RelayedLink } from './reach/relay-wire.ts';
import { createTally } from './tally.ts';
import { createRateLimiter, type RateLimit } from './token-bucket.ts';

/** `package.Service/Method`, as in `ogong.v1.RouterService/Route`. */
export type MethodName = string;

export interface MethodRate extends RateLimit {
  /** A caller may go beyond it by calls that it has earned. Default: no. */
  readonly mayBeEarned?: boolean;
  /** Calls of known parties count by it alone, and not by `callRate`. Default: no. */
  readonly isApart?: boolean;
}

export type MethodRates = Readonly<Record<MethodName, MethodRate>>;

export interface LinkServerOptions {
  /** Port 0 takes a free one. Absent: no port is opened, connections come through `accept` only. */
  readonly bind?: { readonly host: string; readonly port: number };
  readonly identity: LinkIdentity;
  readonly routes: (router: ConnectRouter) => void;
  /**
   * Called before a call's message is read. It may answer the caller itself, for example to slow down.
   * @param group of the peer's address, see Caller.
   */
  readonly authorize: (peer: PeerId, method: MethodName, group: string | undefined) => boolean | Promise<boolean>;
  /**
   * How often one peer may call methods that cost more than others, beside `callRate`. All strangers of one group of addresses
   * together may call them four times as often. Default: only `callRate` counts.
   */
  readonly methodRates?: MethodRates;
  /** Parties that always find a place, and room for their requests. Default: nobody. */
  readonly isKnown?: (peer: PeerId) => boolean;
  /** The last link of a peer ended, and not because it had to make room. */
  readonly onLeft?: (peer: PeerId) => void;
  /** Links that end where their peers answer no ping. Default: none before `idleTimeoutMs`. */
  readonly watch?: LinkWatchOptions;
  readonly limits?: Partial<LinkServerLimits>;
}

export interface LinkServerDependencies {
  readonly clock?: Clock;
  /** Called when a handler fails in a way that the peer must not see. */
  readonly onError?: (error: unknown, call: { readonly method: MethodName; readonly peer: PeerId }) => void;
}

export interface LinkServer {
  start(): Promise<void>;
  /** Lets running calls end, at most for the grace period, then closes every connection. */
  stop(graceMs?: number): Promise<void>;
  /**
   * Serves a session over any byte stream: a relayed connection, or one that this side dialled.
   * @param group group of the other side for quotas, if it is known.
   */
  accept(duplex: Duplex, group?: string, relayed?: RelayedLink): void;
  /** Earlier calls of this caller were useful: it may make this many more, beyond its rate. */
  earn(caller: Caller, calls: number): void;
  /**
   * Charges one call for the work of several calls of a method. If not all have room, nothing is charged and the call counts as refused.
   * @returns whether that method's rate, or the caller's earned calls, have room for all of them.
   */
  charge(caller: Caller, method: MethodName, calls: number): boolean;
  /** Counts refused parts of one call, beside the answer to the call itself: each counts as a refused call. */
  blame(caller: Caller, refused: readonly unknown[]): void;
  /** Listening address; throws before start and without bind. */
  address(): { readonly host: string; readonly port: number };
}

/** Made once: the stack of an error costs more than all else in a refusal, and a flood causes many. */
const REFUSALS = {
  nobody: new ConnectError('no certificate', Code.Unauthenticated),
  unauthorized: new ConnectError('not authorized for this method', Code.PermissionDenied),
  calls: new RateLimited('too many calls, slow down'),
  theseCalls: new RateLimited('too many of these calls, slow down'),
  atOnce: new RateLimited('too many calls at once'),
};

const NOBODY: Caller = { peer: new Uint8Array(), group: undefined };
const callerKey = createContextKey<Caller>(NOBODY, { description: 'caller' });

/** The caller: SHA-256 of the certificate that the peer proved to hold. */
export function getCaller(context: Pick<HandlerContext, 'values'>): PeerId {
  return context.values.get(callerKey).peer;
}

/** The caller and its address. */
export function getCallerPlace(context: Pick<HandlerContext, 'values'>): Caller {
  return context.values.get(callerKey);
}

/** Creates the values that a handler reads about its call. @internal for other carriers of calls */
export function createCallerValues(caller: Caller): ContextValues {
  return createContextValues().set(callerKey, caller);
}

export function createLinkServer(options: LinkServerOptions, dependencies: LinkServerDependencies = {}): LinkServer {
  const { wire } = options.identity;
  if (wire !== undefined) return wire.serve(options, dependencies);
  const limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
  const onError = dependencies.onError ?? (() => {});
  const { isKnown = () => false } = options;
  const clock = dependencies.clock ?? monotonicClock;
  const admission = createLinkAdmission(limits, {
    ...{ isKnown, clock: monotonicClock },
    ...(options.onLeft && { onLeft: options.onLeft }),
  });
  const earned = createEarnedCalls(limits.earnedCallRate, clock);
  const turns = createTurns(limits, { isKnown, clock, earned, methodRates: options.methodRates ?? {} });
  const patience = createPatience(limits, clock);
  const budget = createByteBudget(limits);
  const shutdown = new AbortController();

  async function admit(stream: ServerHttp2Stream, called: CalledMethod, signal: AbortSignal): Promise<void> {
    const caller = findCaller(stream);
    const method = nameMethod(called);
    if (caller === NOBODY) throw REFUSALS.nobody;
    try {
      turns.take(caller, method, signal);
      if (await isAuthorized(caller, method)) return;
      throw REFUSALS.unauthorized;
    } catch (error) {
      countRefusal(caller);
      throw error;
    }
  }

  function countRefusal(caller: Caller): void {
    if (!isKnown(caller.peer) && !patience(caller)) admission.expel(caller);
  }

  const findCaller = ({ session }: ServerHttp2Stream): Caller =>
    admission.find(session as ServerHttp2Session | undefined) ?? NOBODY;

  async function isAuthorized({ peer, group }: Caller, method: MethodName): Promise<boolean> {
    try {
      return await options.authorize(peer, method, group);
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      onError(error, { method, peer });
      throw new ConnectError('internal error', Code.Internal);
    }
  }

  const filterError = createErrorFilter(onError, countRefusal);
  const server = createSecureServer({
    ...createTlsOptions(options.identity),
    requestCert: true,
    ALPNProtocols: ['h2'],
    handshakeTimeout: limits.handshakeTimeoutMs,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
      initialWindowSize: 256 * 1024,
    },
    maxHeaderListPairs: 64,
  });

  server.on(
    'stream',
    createDispatch({
      routes: options.routes,
      limits,
      router: {
        grpc: false,
        grpcWeb: false,
        acceptCompression: [],
        readMaxBytes: limits.maxMessageBytes,
        writeMaxBytes: limits.maxMessageBytes,
        maxTimeoutMs: limits.maxTimeoutMs,
        shutdownSignal: shutdown.signal,
        interceptors: [toInterceptor(filterError)],
      },
      admit,
      filterError: (error, { stream, method, signal }) =>
        filterError(error, { caller: findCaller(stream), method: nameMethod(method), signal }),
      createContextValues: (stream) => createCallerValues(findCaller(stream)),
      openMeter(stream) {
        const { peer, group } = findCaller(stream);
        return budget({ name: toHex(peer), group, isKnown: isKnown(peer) });
      },
      onMoved: (stream) => admission.touch(stream),
    }),
  );

  /** Above TLS, because Node makes an object of TLS for every connection before anybody can close it. */
  const listener = createServer({ noDelay: true }, (socket) => greet(socket, { isOwn: false }));

  function greet(socket: Duplex, from: Greeting): void {
    if (admission.greet(socket, from)) server.emit('connection', socket);
  }

  server.on('session', (session) => {
    if (!admission.admit(session)) return;
    session.setTimeout(limits.idleTimeoutMs, () => {
      // Announce the end first. Then a call that is on its way is refused, and the client sends it on a new session.
      session.close();
      setTimeout(() => session.destroy(), limits.idleTimeoutMs).unref();
    });
    // Node does not count a ping as activity.
    session.on('ping', () => session.setTimeout(limits.idleTimeoutMs));
  });
  // A connection without TLS or HTTP/2, or one that is too slow, is dropped without an answer.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('unknownProtocol', (socket) => socket.destroy());

  const endWatch = options.watch && watchLinks(options.watch, { links: () => admission.links() });

  return {
    async start() {
      const { bind } = options;
      if (!bind) return;
      // The admission decides which connections stay; this bounds those that are not closed yet.
      listener.maxConnections = 2 * (limits.maxConnections + limits.maxHandshakes);
      await listen(listener, bind);
    },
    async stop(graceMs = 5000) {
      endWatch?.();
      shutdown.abort(new Refusal('unavailable', 'shutting down'));
      const listenerClosed = options.bind && listener.listening ? closeListener(listener) : Promise.resolve();
      await Promise.all(admission.sessions().map((session) => closeSession(session, graceMs)));
      // The remaining sockets never became sessions.
      admission.clear();
      await listenerClosed;
    },
    accept(duplex, group, relayed) {
      duplex.on('error', () => {});
      asSocket(duplex).then(
        (socket) => greet(socket, { isOwn: true, group, relayed }),
        () => duplex.destroy(),
      );
    },
    earn: (caller, calls) => earned.earn(nameEarner(caller), calls),
    charge(caller, method, calls) {
      const isWithin = turns.charge(caller, method, calls);
      if (!isWithin) countRefusal(caller);
      return isWithin;
    },
    blame(caller, refused) {
      for (const error of refused) if (isFault(error)) countRefusal(caller);
    },
    address: () => addressOf(listener),
  };
}

/** Returns the error that a peer may see. Internal errors become "internal error". @param onHidden called with an internal error. */
export function toShownError(
  error: unknown,
  { signal, onHidden }: { readonly signal: AbortSignal; readonly onHidden: () => void },
): ConnectError {
  if (error instanceof Refusal || error instanceof RateLimited) return error;
  if (signal.aborted) return ConnectError.from(signal.reason, Code.Canceled);
  onHidden();
  // A full disk is not the peer's fault, and the peer should try again later.
  if (error instanceof StoreError) {
    return new Refusal('unavailable', `nothing can be stored here now (${error.code}); try again later`);
  }
  return new ConnectError('internal error', Code.Internal);
}

/** Codes that an honest party does not cause again and again. */
const FAULTS: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.AlreadyExists]);
const isFault = (error: unknown): boolean => error instanceof Refusal && FAULTS.has(error.code);

type ErrorFilter = (
  error: unknown,
  call: { readonly caller: Caller; readonly method: MethodName; readonly signal: AbortSignal },
) => ConnectError;

/**
 * Passes errors that a handler meant for its peer and hides all others.
 * @param onFault called where a message should not have been sent.
 */
function createErrorFilter(
  onError: NonNullable<LinkServerDependencies['onError']>,
  onFault: (caller: Caller) => void,
): ErrorFilter {
  return (error, { caller, method, signal }) => {
    if (isFault(error)) onFault(caller);
    return toShownError(error, { signal, onHidden: () => onError(error, { method, peer: caller.peer }) });
  };
}

function toInterceptor(filterError: ErrorFilter): Interceptor {
  return (next) => async (request) => {
    const { signal } = request;
    const call = { caller: request.contextValues.get(callerKey), method: nameMethod(request), signal };
    const filter = (error: unknown): ConnectError => filterError(error, call);
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: filterErrors(response.message, filter) } : response;
    } catch (error) {
      throw filter(error);
    }
  };
}

async function* filterErrors<T>(messages: AsyncIterable<T>, filter: (error: unknown) => ConnectError) {
  try {
    yield* messages;
  } catch (error) {
    throw filter(error);
  }
}

function nameMethod(call: CalledMethod): MethodName {
  return `${call.service.typeName}/${call.method.name}`;
}

/**
 * Even a refusal takes processor time. A caller that goes on after many of them loses its connections. It begins again with a handshake,
 * which has a rate of its own.
 * @returns whether this refusal may still be answered.
 */
function createPatience(limits: LinkServerLimits, clock: Clock): (caller: Caller) => boolean {
  const ofPeer = createRateLimiter(limits.refusalRate, clock);
  const ofGroup = createRateLimiter(limits.groupRefusalRate, clock);
  return ({ peer, group }) => ofPeer.take(toHex(peer)) && (group === undefined || ofGroup.take(group));
}

interface TurnDependencies {
  readonly isKnown: (peer: PeerId) => boolean;
  readonly clock: Clock;
  readonly methodRates: MethodRates;
  readonly earned: EarnedCalls;
}

/** Named by address if there is one: certificates are free. */
const nameEarner = ({ peer, group }: Caller): string => (group === undefined ? toHex(peer) : `of ${group}`);

const GROUP_SHARE = 4;

interface Turns {
  /**
   * Takes a call of the concurrent and per-second limits, of one peer and of all strangers in its group of addresses.
   * @throws RateLimited
   */
  take(caller: Caller, method: MethodName, signal: AbortSignal): void;
  charge: LinkServer['charge'];
}

function createTurns(limits: LinkServerLimits, { isKnown, clock, methodRates, earned }: TurnDependencies): Turns {
  const rates = new Map(
    Object.entries(methodRates).map(
      ([method, { perSecond, burst, burstNow, mayBeEarned = false, isApart = false }]) => {
        const ofGroup = { perSecond: GROUP_SHARE * perSecond, burst: GROUP_SHARE * burst };
        return [
          method,
          {
            ofPeer: createRateLimiter({ perSecond, burst, burstNow }, clock),
            ofGroup: createRateLimiter(ofGroup, clock),
            mayBeEarned,
            isApart,
          },
        ];
      },
    ),
  );
  const calls = createTally();
  const rate = createRateLimiter(limits.callRate, clock);
  const groupRate = createRateLimiter(limits.groupCallRate, clock);
  const findGroup = ({ peer, group }: Caller): string | undefined => (isKnown(peer) ? undefined : group);

  /** @param mayEarn takes earned calls, or says that they were taken already. */
  function isWithinOwn(
    caller: Caller,
    { method, count, mayEarn }: { method: MethodName; count: number; mayEarn: () => boolean },
  ): boolean {
    const own = rates.get(method);
    if (own === undefined) return true;
    const peer = toHex(caller.peer);
    const group = findGroup(caller);
    if (own.ofPeer.take(peer, count)) {
      if (group === undefined || own.ofGroup.take(group, count)) return true;
      own.ofPeer.giveBack(peer, count);
    }
    return own.mayBeEarned && mayEarn();
  }

  return {
    take(caller, method, signal) {
      const { peer } = caller;
      const counted: [name: string, max: number][] = [[toHex(peer), limits.maxCallsPerPeer]];
      const group = findGroup(caller);
      if (group !== undefined) counted.push([`of ${group}`, limits.maxCallsPerGroup]);
      const isApart = rates.get(method)?.isApart === true && isKnown(peer);
      const isWithin = isApart || (rate.take(toHex(peer)) && (group === undefined || groupRate.take(group)));
      const takeEarned = (): boolean => earned.take(nameEarner(caller));
      if (!isWithin && !takeEarned()) throw REFUSALS.calls;
      // One earned call is beyond both.
      const mayEarn = (): boolean => !isWithin || takeEarned();
      if (!isWithinOwn(caller, { method, count: 1, mayEarn })) throw REFUSALS.theseCalls;
      if (counted.some(([name, max]) => calls.count(name) >= max)) throw REFUSALS.atOnce;
      for (const [name, max] of counted) calls.add(name, max);
      onceAborted(signal, () => {
        for (const [name] of counted) calls.remove(name);
      });
    },
    charge: (caller, method, count) =>
      isWithinOwn(caller, { method, count, mayEarn: () => earned.take(nameEarner(caller), count) }),
  };
}

function onceAborted(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
}

function closeListener(server: { close(done: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function closeSession(session: ServerHttp2Session, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => session.destroy(), graceMs);
    session.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    session.close();
  });
}
