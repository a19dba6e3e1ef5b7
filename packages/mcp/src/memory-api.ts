import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { z } from 'zod';
import { ToolError } from './tool-error.ts';

/** A service of memories that the user named. */
export interface MemoryApi {
  /** @throws ToolError `memory` */
  post<T>(
    path: string,
    body: object,
    options: { readonly answer: z.ZodType<T>; readonly signal: AbortSignal },
  ): Promise<T>;
}

/** The longest answer, bytes. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20;

export function createMemoryApi({
  baseUrl,
  key,
  fetch = globalThis.fetch,
}: {
  readonly baseUrl: string;
  readonly key: string | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}): MemoryApi {
  return {
    async post(path, body, { answer, signal }) {
      const headers = {
        'content-type': 'application/json',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      };
      const init = { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error', signal } as const;
      const response = await fetch(`${baseUrl}${path}`, init).catch((cause: unknown) => {
        if (signal.aborted) throw cause;
        throw new ToolError('memory', 'the memory service cannot be reached', { cause });
      });
      const bytes = await readBytes(response);
      if (!response.ok) throw new ToolError('memory', `the memory service answers with status ${response.status}`);
      const parsed = answer.safeParse(parse(bytes));
      if (parsed.success) return parsed.data;
      throw new ToolError('memory', 'the answer of the memory service has another form', { cause: parsed.error });
    },
  };
}

async function readBytes(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new ToolError('memory', 'the answer of the memory service is too long');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
