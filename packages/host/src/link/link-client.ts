import { setTimeout as delay } from 'node:timers/promises';
import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
} from '@bufbuild/protobuf';
import { type CallOptions, type Client, makeAnyClient, type Transport } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { createConnectTransport } from '@connectrpc/connect-node';
import { isRefusedStream, toLinkError } from './link-error.ts';
import { DEFAULT_CLIENT_LIMITS, type LinkClientLimits } from './link-limits.ts';
import { createLinkSessions, LINK_AUTHORITY, type LinkTarget } from './link-sessions.ts';

export interface LinkClientOptions extends LinkTarget {
  readonly limits?: Partial<LinkClientLimits>;
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
  const transport = createConnectTransport({
    baseUrl: LINK_AUTHORITY,
    httpVersion: '2',
    sessionManager: sessions,
    useBinaryFormat: true,
    acceptCompression: [],
    readMaxBytes: limits.maxMessageBytes,
    writeMaxBytes: limits.maxMessageBytes,
  });
  return {
    service<S extends DescService>(service: S) {
      return makeAnyClient(service, (method) => {
        if (method.methodKind === 'unary') return createUnaryCall(transport, method, limits.unaryTimeoutMs);
        if (method.methodKind === 'server_streaming')
          return createStreamCall(transport, method, limits.streamTimeoutMs);
        return null;
      }) as Client<S>;
    },
    connect: () => sessions.connect(),
    close: () => sessions.close(),
  };
}

function createUnaryCall(transport: Transport, method: DescMethodUnary, defaultTimeoutMs: number) {
  return async (input: MessageInitShape<DescMessage>, options: CallOptions = {}) => {
    const { signal, headers, contextValues } = options;
    const timeoutMs = checkDeadline(options.timeoutMs ?? defaultTimeoutMs);
    for (let attempt = 1; ; attempt++) {
      try {
        return (await transport.unary(method, signal, timeoutMs, headers, input, contextValues)).message;
      } catch (error) {
        if (!(await mayRepeat(error, attempt))) throw toLinkError(error, signal?.aborted);
      }
    }
  };
}

const MAX_ATTEMPTS = 3;
const REFUSED_PAUSE_MS = 20;

/**
 * A call on a session that the peer is closing fails as a refused stream. By RFC 9113 section 8.7 the peer did not process it,
 * so it is safe to send it again, on the next session.
 */
async function mayRepeat(error: unknown, attempt: number): Promise<boolean> {
  if (attempt >= MAX_ATTEMPTS || !isRefusedStream(error)) return false;
  await delay(REFUSED_PAUSE_MS * attempt);
  return true;
}

/**
 * Unlike Connect's own client, this one notices when a reader leaves the loop. Otherwise the server would go on until the
 * deadline.
 */
function createStreamCall(transport: Transport, method: DescMethodStreaming, defaultTimeoutMs: number) {
  return async function* (input: MessageInitShape<DescMessage>, options: CallOptions = {}) {
    const { signal, headers, contextValues } = options;
    const timeoutMs = checkDeadline(options.timeoutMs ?? defaultTimeoutMs);
    const left = new AbortController();
    const ended = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
    let hasBegun = false;
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const request = createAsyncIterable([input]);
          const response = await transport.stream(method, ended, timeoutMs, headers, request, contextValues);
          for await (const message of response.message) {
            hasBegun = true;
            yield message;
          }
          return;
        } catch (error) {
          if (hasBegun || !(await mayRepeat(error, attempt))) throw toLinkError(error, signal?.aborted);
        }
      }
    } finally {
      left.abort();
    }
  };
}

/** Connect reads zero as "no deadline", which no call on a link may have. */
function checkDeadline(timeoutMs: number): number {
  if (!(timeoutMs > 0)) throw new RangeError(`a deadline is more than 0 ms, not ${timeoutMs}`);
  return timeoutMs;
}
