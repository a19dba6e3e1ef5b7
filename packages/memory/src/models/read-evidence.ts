import { parseJson } from '@ogong/protocol/base/json';
import { parseVector, VALUE_BYTES } from '@ogong/protocol/modality/embedding/vector';
import { z } from 'zod';
import type { StoredEvidence } from '../memory.ts';
import type { PromptTurn } from './memory-models.ts';

type Exchange = Pick<StoredEvidence, 'request' | 'response'>;

/** Fields that `toChatParams` and the SDK write. Another one, such as a bias of tokens, could force an answer. */
const CHAT_REQUEST = z.strictObject({
  model: z.string(),
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })),
  temperature: z.literal(0),
  max_tokens: z.int(),
  response_format: z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({ name: z.literal('answer'), strict: z.literal(true), schema: z.looseObject({}) }),
  }),
  ogong: z
    .strictObject({ salt: z.string(), settle: z.enum(['any', 'accepted']) })
    .partial()
    .optional(),
});

/** The parts of a chat request that decide its answer. */
export interface ChatRequest {
  readonly messages: readonly PromptTurn[];
  readonly schema: object;
}

/** Messages and schema of a chat request that `toChatParams` wrote; undefined for another request. */
export function readChatRequest({ request }: Exchange): ChatRequest | undefined {
  const { data } = CHAT_REQUEST.safeParse(readJson(request));
  return data && { messages: data.messages, schema: data.response_format.json_schema.schema };
}

const EMBEDDING_REQUEST = z.object({ model: z.string(), input: z.array(z.string()).min(1) });

/** Model and texts of an embedding request, in order; undefined for another request. */
export const readEmbeddingRequest = ({
  request,
}: Exchange): { readonly model: string; readonly input: readonly string[] } | undefined =>
  EMBEDDING_REQUEST.safeParse(readJson(request)).data;

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch {
    return undefined;
  }
}

/** The signed text of a chat. A request with a schema gets an answer without reasoning, so the text is the answer. */
export const readAnswerText = ({ response }: Exchange): string => new TextDecoder().decode(response);

/**
 * The signed vectors, or scores as vectors of one value.
 * @throws ProtocolError if the bytes are not `count` vectors of one length.
 */
export function readSignedVectors({ response }: Exchange, count: number): readonly Float32Array[] {
  const size = response.length / count;
  if (!Number.isInteger(size / VALUE_BYTES) || size === 0)
    throw new RangeError(`${response.length} bytes are not ${count} vectors`);
  return Array.from({ length: count }, (_, index) => parseVector(response.subarray(size * index, size * (index + 1))));
}
