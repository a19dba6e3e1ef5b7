import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type CallOptions,
  type Client,
  Code,
  ConnectError,
  type ConnectRouter,
  createHandlerContext,
  makeAnyClient,
} from '@connectrpc/connect';
import type { LinkClient, LinkClientOptions } from '@ogong/host/link/link-client';
import { LinkError, toLinkError } from '@ogong/host/link/link-error';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import {
  createCallerValues,
  type LinkServer,
  type LinkServerDependencies,
  type LinkServerOptions,
  toShownError,
} from '@ogong/host/link/link-server';
import type { Wire } from '@ogong/host/link/wire';
import type { Owner, VirtualTime } from '../world/virtual-time.ts';
import type { AnswerPart, ArrivedCall, Listener, SimulatedNetwork } from './network.ts';

/** One for all: an error of its own takes longer than a small call. */
const ANSWERED = new ConnectError('the call was answered', Code.Canceled);

type Handler = (message: unknown, context: unknown) => unknown;

interface Method {
  readonly service: DescService;
  readonly descriptor: DescMethod;
  readonly handle: Handler;
}

/** Creates links without sockets. Messages are bytes that travel over the simulated network. */
export function createSimulatedWire(network: SimulatedNetwork, time: VirtualTime): Wire {
  return {
    serve: (options, dependencies) => serve(options, dependencies, { network, time }),
    connect: (options) => connect(options, { network }),
  };
}

/** Creates the identity of a process on simulated links. It has no certificate; the network supplies its hash. */
export const createSimulatedIdentity = (wire: Wire, id: Uint8Array): LinkIdentity =>
  ({ wire, id, certificateDer: new Uint8Array(0), certificatePem: '' }) as unknown as LinkIdentity;

function serve(
  options: LinkServerOptions,
  { onError = () => {} }: LinkServerDependencies,
  { network, time }: { readonly network: SimulatedNetwork; readonly time: VirtualTime },
): LinkServer {
  const { bind = { host: 'nowhere', port: 0 }, identity, authorize } = options;
  const methods = collectMethods(options.routes);
  const address = `${bind.host}:${bind.port}`;
  const shutdown = new AbortController();
  let listener: Listener | undefined;

  async function answer(arrival: ArrivedCall): Promise<void> {
    const { caller, method: name, bytes, timeoutMs } = arrival;
    const method = methods.get(name);
    const left = new AbortController();
    arrival.onLeft(() => left.abort(new ConnectError('the caller left', Code.Canceled)));
    const fail = (error: ConnectError) => arrival.answer({ kind: 'error', error });
    if (method === undefined) return fail(new ConnectError('no such method', Code.Unimplemented));
    const { service, descriptor } = method;
    const context = createHandlerContext({
      ...{
        service,
        method: descriptor,
        protocolName: 'connect',
        requestMethod: 'POST',
        url: `https://ogong.invalid/${name}`,
      },
      ...{ timeoutMs, shutdownSignal: shutdown.signal, requestSignal: left.signal },
      contextValues: createCallerValues({ peer: caller, group: undefined }),
    });
    try {
      if (!(await authorize(caller, name, undefined))) {
        return fail(new ConnectError('not authorized for this method', Code.PermissionDenied));
      }
      const request = fromBinary(descriptor.input, bytes);
      const encode = (part: unknown): AnswerPart => ({
        kind: 'part',
        bytes: toBinary(descriptor.output, create(descriptor.output, part as MessageInitShape<DescMessage>)),
      });
      if (descriptor.methodKind === 'server_streaming') {
        for await (const part of method.handle(request, context) as AsyncIterable<unknown>) {
          if (left.signal.aborted) break;
          arrival.answer(encode(part));
        }
      } else {
        arrival.answer(encode(await method.handle(request, context)));
      }
      arrival.answer({ kind: 'end' });
    } catch (error) {
      const onHidden = () => onError(error, { method: name, peer: caller });
      fail(
        error instanceof ConnectError && !left.signal.aborted
          ? error
          : toShownError(error, { signal: context.signal, onHidden }),
      );
    } finally {
      context.abort(ANSWERED);
    }
  }

  return {
    async start() {
      listener = {
        owner: time.current() as Owner,
        certHash: identity.id,
        receive: (arrival) => void answer(arrival),
      };
      network.listen(address, listener);
    },
    async stop() {
      shutdown.abort(new ConnectError('shutting down', Code.Unavailable));
      if (listener) network.close(address, listener);
    },
    accept() {
      throw new Error('simulated links have no streams of bytes');
    },
    // There is no rate limiter.
    earn: () => {},
    charge: () => true,
    blame: () => {},
    address: () => bind,
  };
}

function collectMethods(routes: LinkServerOptions['routes']): ReadonlyMap<string, Method> {
  const methods = new Map<string, Method>();
  const router = {
    handlers: [],
    service(service: DescService, implementation: Record<string, Handler>) {
      for (const descriptor of service.methods) {
        const handle = implementation[descriptor.localName];
        if (handle) {
          methods.set(`${service.typeName}/${descriptor.name}`, {
            service,
            descriptor,
            handle: handle.bind(implementation),
          });
        }
      }
      return router;
    },
    rpc(descriptor: DescMethod, handle: Handler) {
      const service = descriptor.parent;
      methods.set(`${service.typeName}/${descriptor.name}`, { service, descriptor, handle });
      return router;
    },
  };
  routes(router as unknown as ConnectRouter);
  return methods;
}

interface Calls {
  callOnce(method: DescMethod, input: MessageInitShape<DescMessage>, given: CallOptions): unknown;
  stream(method: DescMethod, input: MessageInitShape<DescMessage>, given: CallOptions): unknown;
}

const LINK: unique symbol = Symbol('link');
const shapes = new WeakMap<DescService, object>();

/** The methods of a service, made once for all links: a large network makes ten thousand clients a virtual second. */
function shapeOf(service: DescService): object {
  const known = shapes.get(service);
  if (known) return known;
  const shape = makeAnyClient(service, (method) => {
    const kind = method.methodKind === 'unary' ? 'callOnce' : 'stream';
    return function call(this: { [LINK]: Calls }, input: MessageInitShape<DescMessage>, given: CallOptions = {}) {
      return this[LINK][kind](method, input, given);
    };
  });
  shapes.set(service, shape);
  return shape;
}

const UNARY_TIMEOUT_MS = 10_000;
const STREAM_TIMEOUT_MS = 600_000;

function connect(options: LinkClientOptions, { network }: { readonly network: SimulatedNetwork }): LinkClient {
  const { endpoint, certHash, identity } = options;
  const to = `${endpoint.host}:${endpoint.port}`;
  const open = (method: DescMethod, input: MessageInitShape<DescMessage>, timeoutMs: number, signal?: AbortSignal) =>
    openCall(network, {
      ...{ to, certHash, caller: identity.id, timeoutMs, signal },
      method: `${method.parent.typeName}/${method.name}`,
      bytes: toBinary(method.input, create(method.input, input)),
    });

  async function callOnce(method: DescMethod, input: MessageInitShape<DescMessage>, given: CallOptions) {
    const timeoutMs = given.timeoutMs ?? options.limits?.unaryTimeoutMs ?? UNARY_TIMEOUT_MS;
    // Read to the end: an early return would notify the server, unlike a real link with one answer.
    let answer: Uint8Array | undefined;
    for await (const bytes of open(method, input, timeoutMs, given.signal)) answer ??= bytes;
    if (answer !== undefined) return fromBinary(method.output, answer);
    throw new LinkError('unreachable', 'the answer has no message');
  }

  async function* stream(method: DescMethod, input: MessageInitShape<DescMessage>, given: CallOptions) {
    const timeoutMs = given.timeoutMs ?? options.limits?.streamTimeoutMs ?? STREAM_TIMEOUT_MS;
    for await (const bytes of open(method, input, timeoutMs, given.signal)) yield fromBinary(method.output, bytes);
  }

  return {
    service<S extends DescService>(service: S) {
      const client = Object.create(shapeOf(service));
      client[LINK] = { callOnce, stream } satisfies Calls;
      return client as Client<S>;
    },
    connect: async () => undefined,
    close: () => undefined,
  };
}

interface OpenedCall {
  readonly to: string;
  readonly certHash: Uint8Array;
  readonly caller: Uint8Array;
  readonly method: string;
  readonly bytes: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The parts of an answer. Every failure is a LinkError. */
async function* openCall(
  network: SimulatedNetwork,
  { signal, timeoutMs, ...call }: OpenedCall,
): AsyncGenerator<Uint8Array> {
  if (!(timeoutMs > 0)) throw new RangeError(`a deadline is more than 0 ms, not ${timeoutMs}`);
  if (signal?.aborted) throw new LinkError('canceled', 'the call was canceled');
  const parts: Uint8Array[] = [];
  let end: { readonly error?: LinkError } | undefined;
  let wake = (): void => undefined;
  const finish = (error?: LinkError): void => {
    end ??= error === undefined ? {} : { error };
    wake();
  };
  const leave = network.send({
    ...call,
    timeoutMs,
    onAnswer(part) {
      if (part.kind === 'part') parts.push(part.bytes);
      else finish(part.kind === 'error' ? toLinkError(part.error) : undefined);
      wake();
    },
    onLost: (why) => finish(new LinkError('unreachable', why)),
  });
  const timer = setTimeout(() => finish(new LinkError('timeout', 'the deadline is over')), timeoutMs);
  const cancel = () => finish(new LinkError('canceled', 'the call was canceled'));
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const part = parts.shift();
      if (part !== undefined) yield part;
      else if (end?.error !== undefined) throw end.error;
      else if (end !== undefined) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
    leave();
  }
}
