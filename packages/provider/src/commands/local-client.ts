import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { LocalApi } from './local-api.ts';

/** The local API's answer in place of the expected one. */
export class LocalApiError extends Error {
  override readonly name = 'LocalApiError';
  /** The exit code follows from it (host/log/errors.ts). */
  readonly code: 'usage' | 'unreachable' | 'refused';
  readonly status: number;
  readonly retryable: boolean;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = status === 0 ? 'unreachable' : status === 400 ? 'usage' : 'refused';
    this.retryable = status === 0 || status >= 500;
  }
}

type Json = Readonly<Record<string, unknown>>;

interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: Json | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gets the headers of an answer before its body. */
  readonly onHeaders?: (headers: Headers) => void;
}

/** One answer of the local API; an empty one is an empty object. @throws LocalApiError */
export async function callLocal(api: LocalApi, path: string, options: CallOptions = {}): Promise<Json> {
  const response = await send(api, path, options);
  const text = await readAll(response);
  return text === '' ? {} : readLine(text);
}

/** The lines of an answer as they come. @throws LocalApiError, also for a line that reports a failure. */
export async function* streamLocal(api: LocalApi, path: string, options: CallOptions): AsyncGenerator<Json> {
  const response = await send(api, path, options);
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const bytes of response.body ?? []) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield readEvent(line);
    }
  } catch (cause) {
    if (cause instanceof LocalApiError) throw cause;
    options.signal?.throwIfAborted();
    throw new LocalApiError(0, 'the server ended before its answer did; run the command again', { cause });
  }
  if (rest !== '') yield readEvent(rest);
}

async function send(
  api: LocalApi,
  path: string,
  { method = 'POST', body, signal, onHeaders }: CallOptions,
): Promise<Response> {
  let response: Response;
  try {
    response = await api.fetch(path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      ...(signal && { signal }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new LocalApiError(0, `the server at ${api.server ?? 'this process'} does not answer`, { cause });
  }
  if (response.ok) {
    onHeaders?.(response.headers);
    return response;
  }
  const { error } = readLine(await readAll(response));
  throw new LocalApiError(
    response.status,
    typeof error === 'string' ? error : `the server answered ${response.status}`,
  );
}

async function readAll(response: Response): Promise<string> {
  return response.text().catch((cause: unknown) => {
    throw new LocalApiError(0, 'the server ended before its answer did; run the command again', { cause });
  });
}

function readEvent(line: string): Json {
  const event = readLine(line);
  if (typeof event.error === 'string') throw new LocalApiError(503, event.error);
  return event;
}

function readLine(text: string): Json {
  try {
    const value = parseJson(utf8Encode(text));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  } catch (cause) {
    throw new LocalApiError(0, 'the server at this address is no local server of ogong-provider', { cause });
  }
  throw new LocalApiError(0, 'the server at this address is no local server of ogong-provider');
}
