import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { toPrintable } from '@ogong/protocol/base/printable';
import { formatPath, type Route } from '@ogong/protocol/http/routes';
import { z } from 'zod';
import { MEMORY_ROUTES, type MemoryRouteName } from './memory-routes.ts';

/** `unreachable`: nobody answers. `refused`: the service refuses the call. `malformed`: its answer has another form. */
export type MemoryClientErrorCode = 'unreachable' | 'refused' | 'malformed';

export class MemoryClientError extends Error {
  override readonly name = 'MemoryClientError';
  readonly code: MemoryClientErrorCode;
  readonly retryable: boolean;

  constructor(code: MemoryClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unreachable';
  }
}

export interface MemoryApiClientOptions {
  /** Of the service, without `/v1`. */
  readonly baseUrl: string;
  readonly key: string | undefined;
}

export interface MemoryCall<T> {
  /** Id of the memory, for routes of one. */
  readonly id?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Form of the answer. */
  readonly answer: z.ZodType<T>;
}

export interface MemoryApiClient {
  /** @throws MemoryClientError */
  call<T>(name: MemoryRouteName, call: MemoryCall<T>): Promise<T>;
}

/** The largest answer: a proof with three calls. */
const MAX_ANSWER_BYTES = 2 ** 27;

const REFUSAL = z.object({ error: z.object({ message: z.string() }) });

/** Calls the API of memories. */
export function createMemoryClient({ baseUrl, key }: MemoryApiClientOptions): MemoryApiClient {
  return {
    async call(name, { id = '', query = {}, body, answer }) {
      const { method, path } = MEMORY_ROUTES[name];
      const url = new URL(`${baseUrl}${formatPath<Route>({ method, path }, { id })}`);
      for (const [field, value] of Object.entries(query)) url.searchParams.set(field, value);
      const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'x-api-key': key }) };
      const init = {
        method,
        headers,
        redirect: 'error',
        ...(body !== undefined && { body: JSON.stringify(body) }),
      } as const;
      const response = await fetch(url, init).catch((cause: unknown) => {
        const words = `no memory service answers at ${url.origin}: start one with ogong memory up, or see --memory`;
        throw new MemoryClientError('unreachable', words, { cause });
      });
      const given = readJson(await readBytes(response));
      if (!response.ok) throw new MemoryClientError('refused', wordRefusal(response.status, given));
      const { data, error } = answer.safeParse(given);
      if (data !== undefined) return data;
      throw new MemoryClientError('malformed', 'the answer of the memory service has another form', { cause: error });
    },
  };
}

function wordRefusal(status: number, given: unknown): string {
  const { data } = REFUSAL.safeParse(given);
  return `the memory service refuses (${status})${data ? `: ${toPrintable(data.error.message)}` : ''}`;
}

async function readBytes(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES)
      throw new MemoryClientError('malformed', 'the answer of the memory service is too long');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
