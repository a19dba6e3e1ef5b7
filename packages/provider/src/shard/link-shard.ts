import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { ShardService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ShardCalls } from './chain-state.ts';

/** A prompt of 512 rows may take a slow shard a while. */
const PASS_TIMEOUT_MS = 60_000;
const AGREE_TIMEOUT_MS = 5_000;

/** The calls of a shard over a link. */
export function createLinkShard(links: LinkPool, peer: Peer): ShardCalls {
  const client = () => links.to(ShardService, peer);
  return {
    async agree(message) {
      const answer = await client().agree(message, { timeoutMs: AGREE_TIMEOUT_MS });
      return { publicKey: answer.publicKey, signature: answer.signature };
    },
    async admit(orderHash, admission) {
      await client().admit({ orderHash, admission }, { timeoutMs: AGREE_TIMEOUT_MS });
    },
    run: async (parts) => (await client().runPass({ parts: [...parts] }, { timeoutMs: PASS_TIMEOUT_MS })).parts,
    close: async (orderHash) => (await client().close({ orderHash }, { timeoutMs: AGREE_TIMEOUT_MS })).root,
    async confirm(orderHash, receipt) {
      await client().confirm({ orderHash, receipt }, { timeoutMs: AGREE_TIMEOUT_MS });
    },
    async showRecord(orderHash, { header, headerProof, ...record }) {
      const shown = { orderHash, record, header, headerProof: [...headerProof] };
      await client().showRecord(shown, { timeoutMs: AGREE_TIMEOUT_MS });
    },
  };
}
