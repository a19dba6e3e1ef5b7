import { type CheckedReply, type Client, type ClientOptions, createClient, encodeReceipt } from '@ogong/sdk';
import type { StoredEvidence } from '../memory.ts';
import { toChatParams, toEvidence } from './ask-fields.ts';
import type { MemoryModels } from './memory-models.ts';
import { readAnswerText, readSignedVectors } from './read-evidence.ts';

/** The models of a gateway. Each call throws the errors of the client, such as ReceiptError. */
export function createGatewayModels({ names, ...options }: ClientOptions & Pick<MemoryModels, 'names'>): MemoryModels {
  const client = createClient(options);
  return {
    names,
    async chat(ask, signal) {
      const { replies } = await client.chat.completions.create(toChatParams(names.chat, ask), { signal });
      const evidence = toSignedEvidence(names.chat, replies);
      return { value: readAnswerText(evidence), evidence };
    },
    async embed(texts, signal) {
      const { replies } = await client.embeddings.create(
        { model: names.embedding, input: texts, encoding_format: 'base64' },
        { signal },
      );
      const evidence = toSignedEvidence(names.embedding, replies);
      return { value: readSignedVectors(evidence, texts.length), evidence };
    },
    ...(names.rerank !== undefined && { rerank: createRerank(client, names.rerank) }),
  };
}

function createRerank(client: Pick<Client, 'rerank'>, model: string): NonNullable<MemoryModels['rerank']> {
  return async (query, documents, signal) => {
    const { replies } = await client.rerank({ model, query, documents }, { signal });
    const evidence = toSignedEvidence(model, replies);
    const value = readSignedVectors(evidence, documents.length).map(([score]) => score as number);
    return { value, evidence };
  };
}

function toSignedEvidence(model: string, replies: readonly CheckedReply[]): StoredEvidence {
  const { receipt, request, response } = replies[0] as CheckedReply;
  const { endpoint } = receipt;
  return toEvidence({ endpoint, model, receipt: encodeReceipt(receipt), request, response });
}
