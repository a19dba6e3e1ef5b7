import { setTimeout as delay } from 'node:timers/promises';
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
} from '@bufbuild/protobuf';
import { type CallOptions, type Client, makeAnyClient } from '@connectrpc/connect';
import { type CallLimits, type CallTarget, callStream, callUnary } from './link-call.ts';
import { isRefusedStream, toLinkError, toUnsentError } from './link-error.ts';
import { DEFAULT_CLIENT_LIMITS, type LinkClientLimits } from './link-limits.ts';
import { createLinkSessions, type LinkTarget } from './link-sessions.ts';

export interface LinkClientOptions extends LinkTarget {
  readonly limits?: Partial<LinkClientLimits>;
  /** A wait of every call before it leaves. Default: nothing. */
  readonly beforeCall?: (() => Promise<void>) | undefined;
}

export interface LinkClient {
  /** Connects on first use, and again after a connection was lost. Every failure is a LinkError. */
  service<S extends DescService>(service: S): Client<S>;
  /** Opens the connection now, to know that the peer is there. */
  connect(): Promise<void>;
  close(): void;
}

export function createLinkClient(options: LinkClientOptions): LinkClient {
  const { wire } = options.identity;
  if (wire !== undefined) return wire.connect(options);
  const limits = { ...DEFAULT_CLIENT_LIMITS, ...options.limits };
  const sessions = createLinkSessions({ ...options, limits });
  const { beforeCall } = options;
  const target: CallTarget = { request: sessions.request, maxMessageBytes: limits.maxMessageBytes };
  /** A client has a function for each method of its service. */
  const clients = new Map<DescService, Client<DescService>>();

  function openClient<S extends DescService>(service: S): Client<S> {
    return makeAnyClient(service, (method) => {
      if (method.methodKind === 'unary')
        return createUnaryCall(target, method, { timeoutMs: limits.unaryTimeoutMs, beforeCall });
      if (method.methodKind === 'server_streaming')
        return createStreamCall(target, method, { timeoutMs: limits.streamTimeoutMs, beforeCall });
      return null;
    }) as Client<S>;
  }

  return {
    service<S extends DescService>(service: S) {
      const client = clients.get(service) ?? openClient(service);
      clients.set(service, client);
      return client as Client<S>;
    },
    connect: () => sessions.connect(),
    close: () => sessions.close(),
  };
}

interface CallDefaults extends Pick<LinkClientOptions, 'beforeCall'> {
  readonly timeoutMs: number;
}

function createUnaryCall(target: CallTarget, method: DescMethodUnary, { timeoutMs, beforeCall }: CallDefaults) {
  return async (input: MessageInitShape<DescMessage>, options: CallOptions = {}) => {
    const limits = toLimits(options, timeoutMs);
    if (beforeCall) await beforeCall();
    for (let attempt = 1; ; attempt++) {
      try {
        return await callUnary(target, method, input, limits);
      } catch (error) {
        if (!(await mayRepeat(error, attempt))) throw toLinkError(error, limits.signal?.aborted);
      }
    }
  };
}

const MAX_ATTEMPTS = 3;
const REFUSED_PAUSE_MS = 20;

/**
 * A call on a session that the peer is closing fails as a refused stream. By RFC 9113 section 8.7 the peer did not process it, so it is
 * safe to send it again, on the next session. That is a claim of the peer: it may have read a message that had left.
 */
async function mayRepeat(error: unknown, attempt: number): Promise<boolean> {
  if (attempt >= MAX_ATTEMPTS || !isRefusedStream(error)) return false;
  await delay(REFUSED_PAUSE_MS * attempt);
  return true;
}

/** A reader that leaves the loop ends the call. */
function createStreamCall(
  target: CallTarget,
  method: DescMethodServerStreaming,
  { timeoutMs, beforeCall }: CallDefaults,
) {
  return async function* (input: MessageInitShape<DescMessage>, options: CallOptions = {}) {
    const limits = toLimits(options, timeoutMs);
    if (beforeCall) await beforeCall();
    let hasBegun = false;
    let isSent = false;
    const onSend = (): void => {
      isSent = true;
    };
    for (let attempt = 1; ; attempt++) {
      try {
        for await (const message of callStream(target, method, input, { ...limits, onSend })) {
          hasBegun = true;
          yield message;
        }
        return;
      } catch (error) {
        if (!hasBegun && (await mayRepeat(error, attempt))) continue;
        const failure = toLinkError(error, limits.signal?.aborted);
        throw isSent || hasBegun ? failure : toUnsentError(failure);
      }
    }
  };
}

function toLimits({ signal, headers, timeoutMs }: CallOptions, defaultTimeoutMs: number): CallLimits {
  return { signal, headers, timeoutMs: checkDeadline(timeoutMs ?? defaultTimeoutMs) };
}

/** Zero is "no deadline" in the protocol, which no call on a link may have. */
function checkDeadline(timeoutMs: number): number {
  if (!(timeoutMs > 0)) throw new RangeError(`a deadline is more than 0 ms, not ${timeoutMs}`);
  return timeoutMs;
}
