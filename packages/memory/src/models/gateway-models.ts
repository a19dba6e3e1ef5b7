import { type CheckedReply, type Client, type ClientOptions, createClient, encodeReceipt } from '@ogong/sdk';
import type { StoredEvidence } from '../memory.ts';
import { toChatParams, toEvidence } from './ask-fields.ts';
import type { MemoryModels } from './memory-models.ts';
import { readAnswerText, readSignedVectors } from './read-evidence.ts';

/** Names of models, as callers of the API know them. */
export interface ModelNames {
  readonly chat: string;
  readonly embedding: string;
  /** Default: no reranking. */
  readonly rerank?: string;
}

/** The models of a gateway. Each call throws the errors of the client, such as ReceiptError. */
export function createGatewayModels({ chat, embedding, rerank, ...options }: ClientOptions & ModelNames): MemoryModels {
  const client = createClient(options);
  return {
    names: { chat, embedding, rerank },
    async chat(ask, signal) {
      const { replies } = await client.chat.completions.create(toChatParams(chat, ask), { signal });
      const evidence = toSignedEvidence('chat', chat, replies);
      return { value: readAnswerText(evidence), evidence };
    },
    async embed(texts, signal) {
      const { replies } = await client.embeddings.create(
        { model: embedding, input: texts, encoding_format: 'base64' },
        { signal },
      );
      const evidence = toSignedEvidence('embedding', embedding, replies);
      return { value: readSignedVectors(evidence, texts.length), evidence };
    },
    ...(rerank !== undefined && { rerank: createRerank(client, rerank) }),
  };
}

function createRerank(client: Pick<Client, 'rerank'>, model: string): NonNullable<MemoryModels['rerank']> {
  return async (query, documents, signal) => {
    const { replies } = await client.rerank({ model, query, documents }, { signal });
    const evidence = toSignedEvidence('rerank', model, replies);
    const value = readSignedVectors(evidence, documents.length).map(([score]) => score as number);
    return { value, evidence };
  };
}

function toSignedEvidence(endpoint: string, model: string, replies: readonly CheckedReply[]): StoredEvidence {
  const { receipt, request, response } = replies[0] as CheckedReply;
  return toEvidence({ endpoint, model, receipt: encodeReceipt(receipt), request, response });
}
