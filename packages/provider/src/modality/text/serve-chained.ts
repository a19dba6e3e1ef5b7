import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import { VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { type CohortChain, passKeyOf } from '../../shard/cohort-chain.ts';
import type { ServedCounts } from '../order-job.ts';
import { type OrderJob, type ServeDependencies, serveReply } from './serve-text.ts';

/**
 * Serves an order of which other providers compute the first layers. They agree to it before this provider's consent leaves, so that a
 * refusal costs nothing. They compute nothing before its validator has admitted it.
 * @throws Refusal, EngineError, ReplyTextError
 */
export async function serveChained(
  job: OrderJob,
  chain: CohortChain,
  dependencies: ServeDependencies,
): Promise<ServedCounts> {
  const { crypto, engine } = dependencies;
  const { order, body, beacon, signedOrder } = job;
  const { answer: blind } = computeBlinds(crypto, { body, replyId: order.replyId });
  const opened = await chain
    .open({
      ...{ order, blind, previousBeacon: beacon.previous },
      signed: { order: signedOrder, beacon: beacon.certificate },
    })
    .catch((error: unknown) => {
      if (error instanceof EngineError) throw new Refusal('unavailable', error.message);
      throw error;
    });
  let closed: ReturnType<CohortChain['close']> | undefined;
  const close = (positions?: number) => {
    closed ??= chain.close(order.orderHash, positions);
    return closed;
  };
  try {
    dependencies.reserveBlobs(sizeRows(job, { engine, edges: opened.edges }));
    return await serveReply(job, {
      ...dependencies,
      engine: nameRequests(engine, passKeyOf(order)),
      payers: { watch: () => false },
      async admit(signal) {
        const admission = await dependencies.admit(signal);
        await chain.admit(order.orderHash, admission);
        return admission;
      },
      failed: AbortSignal.any([dependencies.failed, opened.failed]),
      // Without a root this provider would answer for that shard's rows.
      async closeBoundaries(positions) {
        const edges = await close(positions);
        if (edges.some((edge) => edge === undefined))
          throw new EngineError('engine-crashed', 'a shard gave no root of the rows that it sent', { retryable: true });
        return edges;
      },
      async keep(committed, push, billed) {
        await dependencies.keep(committed, push, billed);
        const { record, signature, header, headerProof } = committed;
        const providerKey = dependencies.signer.publicKey;
        chain.show(order.orderHash, { record, providerKey, signature, header, headerProof });
      },
      get cohort() {
        return opened.agreement;
      },
    });
  } finally {
    await close();
  }
}

/** Returns the most bytes that are kept of the rows of each edge, for which room is reserved before anything is generated. */
function sizeRows(
  { promptTokens, request }: Pick<OrderJob, 'promptTokens' | 'request'>,
  { engine, edges }: { readonly engine: TextEngine; readonly edges: number },
): number[] {
  const { contextSize, embeddingSize } = engine.info();
  // The last token has no row.
  const positions = Math.min(contextSize, promptTokens.length + request.asked.maxTokens) - 1;
  return new Array<number>(edges).fill(Math.min(MAX_ROWS_BYTES, positions * embeddingSize * VALUE_BYTES));
}

/** An engine whose passes name the order. Its rows are used for no other order, since the boundaries of a reply begin at position 0. */
const nameRequests = (engine: TextEngine, passKey: string): TextEngine => ({
  ...engine,
  generate: ({ cacheScope: _scope, ...request }, options) => engine.generate({ ...request, passKey }, options),
});
