import { setTimeout as delay } from 'node:timers/promises';
import { formatExactJson } from '@ogong/protocol/base/exact-json';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import { EngineError } from '../interface/engine-error.ts';
import { createTooLong, parseDocument } from './documents.ts';
import { readEvents } from './event-reader.ts';
import { quote } from './quote.ts';
import { isPrivateAddress } from './upstream-address.ts';
import { UPSTREAM_LIMITS, type UpstreamLimits } from './upstream-limits.ts';

export interface ConnectionOptions {
  /** See parseUpstreamAddress. */
  readonly address: string;
  /** Reads the key of a hosted server. It is read for each call, and never printed. */
  readonly readKey?: (() => string) | undefined;
  readonly limits?: Partial<UpstreamLimits> | undefined;
  /** A link that can be shown to others. Default: the system's own. */
  readonly link?: UpstreamLink | undefined;
}

/** How a server is asked. */
export interface UpstreamLink {
  readonly fetch: (url: string, init: RequestInit & { readonly body?: string }) => Promise<Response>;
  /** Returns the requests and responses until now. */
  readonly show: (response: Response) => ShownExchange;
}

/** The answer of a server that refuses a request. */
export interface Refused {
  readonly status: number;
  readonly words: string;
}

export interface UpstreamConnection {
  readonly address: string;
  readonly limits: UpstreamLimits;
  /** One JSON document. @throws EngineError if the server cannot be reached, or what it says cannot be read. */
  call(path: string, body?: object, options?: UpstreamCallOptions): Promise<{ readonly document: unknown } | Refused>;
  /** The events of a stream. @throws EngineError */
  stream(path: string, body: object, signal: AbortSignal, told?: ExchangeHolder): AsyncGenerator<unknown>;
  /** Streams as above, from a server that may refuse it. */
  tryStream(
    path: string,
    body: object,
    signal: AbortSignal,
    told?: ExchangeHolder,
  ): Promise<AsyncGenerator<unknown> | Refused>;
}

export interface UpstreamCallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly told?: ExchangeHolder;
}

/** Set once an answer begins, if the link can be shown. */
export interface ExchangeHolder {
  show?: () => ShownExchange;
}

/** @throws EngineError 'invalid-request' if a key would go over the network in the clear. */
export function connectUpstream({ address, readKey, limits: given, link }: ConnectionOptions): UpstreamConnection {
  const limits = { ...UPSTREAM_LIMITS, ...given };
  if (readKey !== undefined && !isPrivateAddress(address)) {
    throw new EngineError('invalid-request', 'a key is sent over https, or to this machine; give an https:// address');
  }
  const rest = createRest(limits);

  async function send(path: string, body: object | undefined, signal?: AbortSignal): Promise<Response> {
    rest.assertAwake();
    const key = readKey?.();
    for (let attempt = 0; ; attempt++) {
      const first = AbortSignal.timeout(limits.firstByteMs);
      try {
        const response = await (link?.fetch ?? fetch)(`${address}${path}`, {
          method: body === undefined ? 'GET' : 'POST',
          // The answer of another host is not this server's.
          redirect: 'manual',
          headers: {
            accept: 'application/json, text/event-stream',
            ...(body && { 'content-type': 'application/json' }),
            ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          },
          ...(body && { body: formatExactJson(body) }),
          signal: signal ? AbortSignal.any([signal, first]) : first,
        });
        rest.end();
        return response;
      } catch (cause) {
        if (signal?.aborted) throw new EngineError('cancelled', 'the request was cancelled', { cause });
        const pauseMs = first.aborted ? undefined : limits.retryMs[attempt];
        if (pauseMs === undefined) throw rest.begin(describeFailure(address, cause, first.aborted));
        await delay(pauseMs, undefined, signal && { signal }).catch(() => undefined);
        if (signal?.aborted) throw new EngineError('cancelled', 'the request was cancelled');
      }
    }
  }

  async function read(response: Response, signal?: AbortSignal): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of readBody(response, limits.silenceMs, signal)) {
      size += part.length;
      if (size > limits.maxBodyBytes) throw createTooLong(address, limits.maxBodyBytes);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  async function refuse(response: Response): Promise<Refused> {
    const { status } = response;
    if (status >= 300 && status < 400) {
      await response.body?.cancel();
      throw new EngineError(
        'engine-crashed',
        `${address} sends its callers on to another address, which is not followed`,
      );
    }
    const words = Buffer.from(await read(response)).toString('utf8');
    // Such an answer may hold the key, or a part of it.
    return { status, words: status === 401 || status === 403 ? '' : quote(readWords(words), readKey?.()) };
  }

  async function tryStream(path: string, body: object, signal: AbortSignal, told: ExchangeHolder = {}) {
    const response = await send(path, body, signal);
    if (link !== undefined) told.show = () => link.show(response);
    return response.ok ? readEvents(address, readBody(response, limits.silenceMs, signal), limits) : refuse(response);
  }

  return {
    address,
    limits,
    async call(path, body, { signal, told } = {}) {
      const response = await send(path, body, signal);
      if (told !== undefined && link !== undefined) told.show = () => link.show(response);
      if (!response.ok) return refuse(response);
      return { document: parseDocument(address, await read(response, signal)) };
    },
    tryStream,
    async *stream(path, body, signal, told) {
      const events = await tryStream(path, body, signal, told);
      if ('status' in events) throw toEngineError(address, events);
      yield* events;
    },
  };
}

/** The pieces of a body. A server that says nothing for too long is given up. */
async function* readBody(response: Response, silenceMs: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        const message = `the upstream server said nothing for ${silenceMs} ms`;
        timer = setTimeout(() => reject(new EngineError('engine-crashed', message, { retryable: true })), silenceMs);
      });
      const next = await Promise.race([reader.read(), silence]);
      clearTimeout(timer);
      if (next.done) return;
      yield next.value;
    }
  } catch (cause) {
    if (signal?.aborted) throw new EngineError('cancelled', 'the request was cancelled', { cause });
    if (cause instanceof EngineError) throw cause;
    throw new EngineError('engine-crashed', 'the upstream server broke off its answer', { cause, retryable: true });
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
}

function readWords(body: string): string {
  try {
    const { error, message, detail } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    const found = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
    const words = [found, message, detail].find((each) => typeof each === 'string');
    return typeof words === 'string' ? words : body;
  } catch {
    return body;
  }
}

/** Turns a server's refusal into the error of a reply. */
export function toEngineError(address: string, { status, words }: Refused): EngineError {
  const said = `${address} answers ${status}${words === '' ? '' : `: ${words}`}`;
  if (status === 429 || status === 503) return new EngineError('overloaded', said, { retryable: true });
  if (status === 401 || status === 403) {
    return new EngineError('engine-crashed', `${address} answers ${status}: it does not take the key of this provider`);
  }
  if (status === 404) return new EngineError('model-not-found', said);
  if (status === 400 || status === 413 || status === 422) return new EngineError('invalid-request', said);
  return new EngineError('engine-crashed', said, { retryable: status >= 500 });
}

function describeFailure(address: string, cause: unknown, isLate: boolean): EngineError {
  const code = (cause as { cause?: { code?: unknown } }).cause?.code;
  const why = isLate ? 'does not answer in time' : `cannot be reached${typeof code === 'string' ? ` (${code})` : ''}`;
  return new EngineError('engine-crashed', `${address} ${why}`, { cause, retryable: true });
}

/** A server that was lost is left alone for a while, so that nobody waits for it in vain. */
function createRest({ restMs, maxRestMs }: UpstreamLimits) {
  let failures = 0;
  let untilMs = 0;
  let last: EngineError | undefined;
  return {
    assertAwake(): void {
      if (last === undefined || performance.now() >= untilMs) return;
      throw new EngineError('overloaded', `${last.message}; it is tried again soon`, { cause: last, retryable: true });
    },
    begin(error: EngineError): EngineError {
      untilMs = performance.now() + Math.min(maxRestMs, restMs * 2 ** failures++);
      last = error;
      return error;
    },
    end(): void {
      failures = 0;
      last = undefined;
    },
  };
}
