import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import { parseRerankRequest, rankDocuments } from '@ogong/protocol/modality/embedding/rerank';
import { ReceiptError } from './errors.ts';
import { readNumbers } from './read-vectors.ts';
import type { RerankList } from './types.ts';

/** A gateway's unchecked entry of a result. */
type Entry = Partial<RerankList['results'][number]> | null | undefined;

/**
 * Returns the bytes that a provider must have signed for a reranking that a gateway shows (docs/spec/embedding.md). They are the scores of
 * all documents in the order of the request. The rest of the answer follows from them.
 * @param request the body that was sent.
 * @throws ReceiptError `scores` if the scores are not one for each document, or the results are not what follows from them.
 */
export function readScores(response: RerankList, request: Uint8Array): Uint8Array {
  const refuse = (why: string, cause?: unknown): never => {
    throw new ReceiptError('scores', `scores: ${why}`, { response, cause });
  };
  let asked: ReturnType<typeof parseRerankRequest>;
  let scores: Float32Array;
  try {
    asked = parseRerankRequest(request);
    scores = readNumbers((response?.ogong as { scores?: unknown } | undefined)?.scores);
  } catch (cause) {
    return refuse((cause as Error).message, cause);
  }
  const { inputs, topN, returnsDocuments } = asked;
  if (scores.length !== inputs.length) return refuse(`${inputs.length} documents were sent, and not each has a score`);
  const ranked = rankDocuments([...scores], topN);
  const shown = response.results as unknown;
  if (!Array.isArray(shown) || shown.length !== ranked.length) return refuse(`the best ${topN} were asked for`);
  const wrong = ranked.findIndex(({ index, score }, place) => {
    const entry = (shown as readonly Entry[])[place];
    const text = returnsDocuments ? inputs[index] : undefined;
    return entry?.index !== index || !Object.is(entry?.relevance_score, score) || entry?.document?.text !== text;
  });
  if (wrong >= 0) return refuse(`result ${wrong} does not follow from the signed scores`);
  return encodeEmbeddingResponse([...scores].map((score) => Float32Array.of(score)));
}
