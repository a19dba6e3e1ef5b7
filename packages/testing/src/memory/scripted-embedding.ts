import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseEmbeddingRequest } from '@ogong/protocol/modality/embedding/request';
import { embedLocally } from '@ogong/provider/modality/embedding/embed-locally';
import type { KeptReply } from '@ogong/provider/modality/local-reply';
import { createFakeEmbeddingEngine } from '../engine/fake-embedding.ts';

const DIMENSIONS = 256;
/** The fake engine writes a byte as a token from here on. */
const FIRST_BYTE = 3;
const CONTEXT = 4_096;

/** Counts words by their hash: texts with common words have close vectors. */
export function hashWords(text: string): Float32Array {
  const counts = new Float32Array(DIMENSIONS);
  // No text has a vector of zeros.
  counts[0] = 0.01;
  for (const word of text.toLowerCase().match(/[\p{L}\d]+/gu) ?? []) {
    const [high, low] = crypto.sha256(utf8Encode(word));
    const place = (((high as number) << 8) | (low as number)) % DIMENSIONS;
    counts[place] = (counts[place] as number) + 1;
  }
  return counts;
}

/** Embeds texts by their words, with the unsigned receipt of local mode. */
export async function embedByWords(model: string, input: readonly string[]): Promise<KeptReply> {
  const engine = createFakeEmbeddingEngine({
    ...{ embeddingSize: DIMENSIONS, contextSize: CONTEXT },
    bend: (made) => ({ ...made, pool: (tokens) => hashWords(readText(tokens)) }),
  });
  const body = utf8Encode(JSON.stringify({ model, input }));
  const means = {
    ...{ crypto, clock: { nowMs: () => 1_700_000_000_000 }, signal: new AbortController().signal },
    randomBytes: (length: number) => new Uint8Array(length).fill(length),
  };
  const parts = [{ request: parseEmbeddingRequest(body), body }] as const;
  const { replies } = await embedLocally(means, { engine, parts });
  await engine.close();
  return replies[0] as KeptReply;
}

const readText = (tokens: Uint32Array): string =>
  utf8Decode(
    Uint8Array.from(
      [...tokens].filter((token) => token >= FIRST_BYTE),
      (token) => token - FIRST_BYTE,
    ),
  );
