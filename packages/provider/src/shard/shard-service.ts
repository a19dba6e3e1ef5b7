import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { Refusal } from '@ogong/host/link/link-error';
import { getCaller } from '@ogong/host/link/link-server';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import type {
  AdmitShardRequest,
  AgreeRequest,
  CloseShardRequest,
  ConfirmRootRequest,
  DescribeShardRequest,
  LeaderRecord,
  ShardPasses,
  ShardService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import type { Shard } from './shard.ts';

/** The largest message of a pass: 512 rows of 8,192 values, with their signatures. */
export const MAX_SHARD_CALL_BYTES: number = 17 * 1024 * 1024;

/**
 * Serves the segments of one provider. Anybody asks for a description. All other calls need an order that a payer and a leader have signed,
 * and come from the leader's link.
 * @param shards with one memory of orders. @throws RangeError if they have several.
 */
export function createShardService(shards: readonly [Shard, ...Shard[]]): ServiceImpl<typeof ShardService> {
  const [any] = shards;
  if (shards.some(({ orders }) => orders !== any.orders))
    throw new RangeError('the segments of one provider need one memory of orders');
  const find = (isMeant: (shard: Shard) => boolean): Shard => {
    const found = shards.find(isMeant);
    if (found === undefined) throw new Refusal('not-found', 'this provider serves no such segment or order');
    return found;
  };
  const findSegment = (manifestHash: Uint8Array, firstLayer: number | undefined): Shard =>
    find((shard) => equalBytes(shard.manifestHash, manifestHash) && shard.member.firstLayer === firstLayer);
  return {
    describe({ manifestHash, firstLayer }: DescribeShardRequest) {
      const { member, info } = findSegment(manifestHash, firstLayer);
      const { embeddingSize, passRows } = info;
      return { sessionKey: member.sessionKey, embeddingSize, passRows };
    },
    async agree(message: AgreeRequest, context: HandlerContext) {
      const { manifestHash, members } = readTerms(message.terms);
      // A provider has one member in a cohort.
      const own = members.find(({ providerId }) => equalBytes(providerId, any.member.providerId));
      return await findSegment(manifestHash, own?.firstLayer).agree(getCaller(context), message);
    },
    async admit({ orderHash, admission }: AdmitShardRequest, context: HandlerContext) {
      if (admission === undefined) throw new Refusal('invalid', 'the admission is missing');
      await find((shard) => shard.holds(orderHash)).admit(getCaller(context), orderHash, admission);
      return {};
    },
    async runPass({ parts }: ShardPasses, context: HandlerContext) {
      // A part of an order that is over must not end the others.
      const shard = find((one) => parts.some(({ orderHash }) => one.holds(orderHash)));
      return { parts: await shard.run(getCaller(context), parts) };
    },
    async close({ orderHash }: CloseShardRequest, context: HandlerContext) {
      // No segment holds an order that is closed before it is agreed to. Then any of them notes the end.
      const shard = shards.find((one) => one.holds(orderHash)) ?? any;
      return { root: await shard.close(getCaller(context), orderHash) };
    },
    confirm({ orderHash, receipt }: ConfirmRootRequest, context: HandlerContext) {
      find(({ roots }) => roots.has(orderHash)).roots.confirm(getCaller(context), orderHash, receipt);
      return {};
    },
    showRecord({ orderHash, record, header, headerProof }: LeaderRecord, context: HandlerContext) {
      if (record === undefined) throw new Refusal('invalid', 'the record is missing');
      const { providerKey, signature } = record;
      const bound = { record: record.record, providerKey, signature, header, headerProof };
      find(({ roots }) => roots.has(orderHash)).roots.showRecord(getCaller(context), orderHash, bound);
      return {};
    },
  };
}

function readTerms(terms: Uint8Array): ReturnType<typeof parseCohortTerms> {
  try {
    return parseCohortTerms(terms);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `terms: ${error.message}`);
    throw error;
  }
}
