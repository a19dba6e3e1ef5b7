import { httpUrl, text } from '@ogong/host/config/values';
import type { Secret } from '@ogong/host/crypto/secret';
import { jsonField } from '@ogong/host/lifecycle/print-json';
import { createMemoryClient, type MemoryApiClient } from '@ogong/memory/api/memory-client';
import { z } from 'zod';

/** Settings of commands that call the API of memories. */
export const serviceFields = {
  memory: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_MEMORY_URL',
    default: 'http://127.0.0.1:4549',
    description: 'address of the memory service, or of a gateway with --memory',
  },
  memoryKey: { schema: text, secret: true, env: 'OGONG_MEMORY_KEY', description: 'its API key, if it requires one' },
  json: jsonField,
} as const;

export const openClient = (values: {
  readonly memory: string;
  readonly memoryKey: Secret<string> | undefined;
}): MemoryApiClient => createMemoryClient({ baseUrl: values.memory, key: values.memoryKey?.reveal() });

const receipts = z.object({ extraction: z.string(), embedding: z.string(), update: z.string().nullable() }).nullable();

/** Fields of a memory that the commands print. */
const shown = { id: z.string(), receipts, quote: z.looseObject({ words: z.string() }).nullable() };
export const STORED = z.looseObject({ ...shown, content: z.string() });
export const FOUND = z.looseObject({ ...shown, memory: z.string() });

interface ShownMemory {
  readonly id: string;
  readonly text: string;
  readonly words: string | undefined;
  readonly receipt: string | undefined;
}

export const toShown = ({ memory, ...found }: z.infer<typeof FOUND>): ShownMemory =>
  toStored({ ...found, content: memory });

export const toStored = ({ id, content, quote, receipts: calls }: z.infer<typeof STORED>): ShownMemory => ({
  ...{ id, text: content },
  words: quote?.words.trim(),
  receipt: calls?.extraction,
});

/** Formats a memory in two lines: its text, then its origin. */
export function formatMemory({ id, text: content, words, receipt }: ShownMemory): string {
  const origin = words === undefined ? 'written by a person' : `from "${words}", receipt ${receipt ?? 'none'}`;
  return `${content}\n  ${id} ${origin}\n`;
}
