import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { Refusal } from '@ogong/host/link/link-error';
import { getCaller } from '@ogong/host/link/link-server';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import type {
  AgreeRequest,
  CloseShardRequest,
  DescribeShardRequest,
  ShardPasses,
  ShardService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import type { Shard } from './shard.ts';

/** The largest message of a pass: 512 rows of 8,192 values, with their signatures. */
export const MAX_SHARD_CALL_BYTES: number = 17 * 1024 * 1024;

/** Anybody asks for a description. All other calls need an order that a validator has admitted, and come from its leader's link. */
export function createShardService(shards: readonly Shard[]): ServiceImpl<typeof ShardService> {
  const find = (isMeant: (shard: Shard) => boolean): Shard => {
    const found = shards.find(isMeant);
    if (found === undefined) throw new Refusal('not-found', 'this provider serves no such segment or order');
    return found;
  };
  const findCut = (manifestHash: Uint8Array, firstLayer?: number): Shard =>
    find(
      (shard) =>
        equalBytes(shard.manifestHash, manifestHash) &&
        (firstLayer === undefined || shard.member.firstLayer === firstLayer),
    );
  const findOrder = (orderHash: Uint8Array): Shard => find((shard) => shard.holds(orderHash));
  return {
    describe({ manifestHash, firstLayer }: DescribeShardRequest) {
      const { member, info } = findCut(manifestHash, firstLayer);
      const { embeddingSize, passRows } = info;
      return { sessionKey: member.sessionKey, embeddingSize, passRows };
    },
    async agree(message: AgreeRequest, context: HandlerContext) {
      return await findCut(readManifestHash(message.terms)).agree(getCaller(context), message);
    },
    async runPass({ parts }: ShardPasses, context: HandlerContext) {
      const orderHash = parts[0]?.orderHash ?? new Uint8Array();
      return { parts: await findOrder(orderHash).run(getCaller(context), parts) };
    },
    async close({ orderHash }: CloseShardRequest, context: HandlerContext) {
      return { root: await findOrder(orderHash).close(getCaller(context), orderHash) };
    },
  };
}

function readManifestHash(terms: Uint8Array): Uint8Array {
  try {
    return parseCohortTerms(terms).manifestHash;
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `terms: ${error.message}`);
    throw error;
  }
}
