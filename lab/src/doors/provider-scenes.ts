import { toBinary } from '@bufbuild/protobuf';
import { NEWCOMER_LIMITS } from '@ogong/host/link/newcomer-budget';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { GenerateRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { FULL_CHANNEL } from '@ogong/testing/network/fixed-chain';
import { createNetwork, type Network, payer, receive } from '@ogong/testing/provider/provider-fixture';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import type { FloodCaller } from './flood.ts';
import { CALLERS, type DoorScene, FLOOD_ADDRESS, TIMES, toBase64 } from './scene.ts';

/** Different orders that a stranger has. */
const ORDERS = 75;
const EMPTY_CHANNEL = { ...FULL_CHANNEL, admitted: 0n, spendable: 0n };

/** Orders whose payers have nothing in escrow. */
function makeOrders(network: Network): FloodCaller[] {
  return Array.from({ length: CALLERS }, (_, i) => ({
    ...{ name: `consumer ${i}`, address: FLOOD_ADDRESS },
    messages: Array.from({ length: ORDERS }, (_unused, j) => {
      const poor = createTestLedgerSigner(seedOf(`poor payer ${i} ${j}`));
      return toBase64(
        toBinary(GenerateRequestSchema, network.order({ payer: poor, nonce: j, body: { max_tokens: 3 } })),
      );
    }),
  }));
}

export const providerScenes: readonly DoorScene[] = [
  {
    id: 'generate',
    honest: 'short replies of a provider',
    limit: 'orders of one address that nobody admits',
    async open() {
      const network = await createNetwork({
        readChannel: async (who) => (equalBytes(who, payer.address) ? FULL_CHANNEL : EMPTY_CHANNEL),
      });
      const { id } = await makeIdentity(1);
      const orders: ReturnType<Network['order']>[] = [];
      let nonce = 1_000;
      const next = () => network.order({ nonce: ++nonce, body: { max_tokens: 3 } });
      const { host, port } = network.provider.address();
      return {
        prepare(calls) {
          while (orders.length < calls) orders.push(next());
        },
        async call() {
          await receive(network.client, orders.shift() ?? next());
        },
        flood: {
          ...{ endpoint: { host, port }, certHash: toBase64(id), service: 'ProviderService', method: 'Generate' },
          ...{ perSecond: TIMES * NEWCOMER_LIMITS.ofAddress.perSecond, callers: makeOrders(network) },
        },
        burst: NEWCOMER_LIMITS.ofAddress.burst,
        close: network.close,
      };
    },
  },
];
