import { concatBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { CallOptions } from '../client.ts';
import { isMemoryId, parseAddition, parseFindings, parseProfile, parseStored } from './memory-answers.ts';
import { createRefusal, MemoryApiError } from './memory-error.ts';
import type {
  MemoryAddition,
  MemoryAddParams,
  MemoryEditParams,
  MemoryFindings,
  MemoryProfile,
  MemoryProfileParams,
  MemorySearchParams,
  StoredMemory,
} from './memory-types.ts';

export interface MemoryClientOptions {
  /** Of a gateway, a memory service or local mode, with or without `/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
}

/** All calls throw MemoryApiError. */
export interface MemoryClient {
  /** Makes memories of a conversation. A model reads it, so a call may take a minute. */
  add(params: MemoryAddParams, options?: CallOptions): Promise<MemoryAddition>;
  search(params: MemorySearchParams, options?: CallOptions): Promise<MemoryFindings>;
  get(id: string, options?: CallOptions): Promise<StoredMemory>;
  patch(id: string, edit: MemoryEditParams, options?: CallOptions): Promise<StoredMemory>;
  remove(id: string, options?: CallOptions): Promise<void>;
  profile(params?: MemoryProfileParams, options?: CallOptions): Promise<MemoryProfile>;
}

interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: object;
}

const MAX_ANSWER_BYTES = 4 * 2 ** 20;

/** A client of the API of memories, in Node and in a browser. It checks the form of each answer. */
export function createMemoryClient({ baseUrl, apiKey, fetch: given }: MemoryClientOptions): MemoryClient {
  const origin = baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  const fetch = given ?? ((input, init) => globalThis.fetch(input, init));

  async function call(path: string, { method, body, signal }: Call): Promise<unknown> {
    const init: RequestInit = {
      ...{ method, redirect: 'error' },
      headers: {
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    const lost = (cause: unknown): never => {
      signal?.throwIfAborted();
      throw new MemoryApiError('unreachable', `the memory service ${origin} cannot be reached`, { cause });
    };
    const response = await fetch(`${origin}/v1${path}`, init).catch(lost);
    const answer = parse(await readBytes(response, lost));
    if (!response.ok) throw createRefusal(response.status, answer);
    return answer;
  }

  return {
    add: async (body, options) => parseAddition(await call('/memories', { method: 'POST', body, ...options })),
    search: async (body, options) =>
      parseFindings(await call('/memories/search', { method: 'POST', body, ...options })),
    get: async (id, options) => parseStored(await call(toPath(id), { method: 'GET', ...options })),
    patch: async (id, body, options) => parseStored(await call(toPath(id), { method: 'PATCH', body, ...options })),
    async remove(id, options) {
      await call(toPath(id), { method: 'DELETE', ...options });
    },
    async profile({ include, category, refresh } = {}, options = {}) {
      const query = new URLSearchParams({
        ...(include && { include: include.join(',') }),
        ...(category !== undefined && { category }),
        ...(refresh && { refresh: 'true' }),
      });
      return parseProfile(await call(`/profile?${query}`, { method: 'GET', ...options }));
    },
  };
}

/** Refuses ids of another form before they are part of an address. */
function toPath(id: string): string {
  if (!isMemoryId(id)) throw new MemoryApiError('refused', 'There is no such memory.', { status: 404 });
  return `/memories/${id}`;
}

async function readBytes({ body }: Response, lost: (cause: unknown) => never): Promise<Uint8Array> {
  const reader = body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done = true, value } = (await reader?.read().catch(lost)) ?? {};
    if (done) return concatBytes(...chunks);
    size += value?.length ?? 0;
    if (size > MAX_ANSWER_BYTES) {
      await reader?.cancel().catch(() => undefined);
      throw new MemoryApiError('form', `the answer of the memory service is beyond ${MAX_ANSWER_BYTES} bytes`);
    }
    if (value !== undefined) chunks.push(value);
  }
}

/** @returns undefined if it is no JSON; then the form of the answer is refused. */
function parse(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
