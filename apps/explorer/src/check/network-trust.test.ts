import type { Deployment } from '@ogong/chain/deployment';
import { toHex } from '@ogong/protocol/base/bytes';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { verifyReceipt } from '@ogong/sdk';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import type { ChainReader } from '../data/rpc.ts';
import { readNetworkTrust } from './network-trust.ts';

const at = (byte: string): `0x${string}` => `0x${byte.repeat(20)}`;
const deployment = {
  ...{ chainId: 31_337, escrow: at('05'), settlement: at('06'), staking: at('07'), models: at('08') },
  beaconKeys: at('09'),
} as unknown as Deployment;
const [account, delegate] = [3, 4].map((byte) => createNobleLedgerSigner(new Uint8Array(32).fill(byte)));

/** A chain on which the delegate signs for the account up to a limit, and a key of the beacon is in force. */
function readerOf(limit: bigint): ChainReader {
  const told: Readonly<Record<string, unknown>> = {
    ...{ keyLimitOf: limit, routerOf: { ticketKey: `0x${'00'.repeat(32)}`, since: 0n, until: 0n }, versionsOf: [] },
    ...{
      epochNow: 5n,
      origin: 0n,
      period: 1n,
      eras: [],
      generations: [{ key: `0x${'ab'.repeat(48)}`, firstEpoch: 3n, lastEpoch: 0n }],
    },
  };
  const client = {
    getBlockNumber: async () => 1n,
    async readContract({ functionName }: { readonly functionName: string }) {
      if (functionName in told) return told[functionName];
      throw new Error(`nobody reads ${functionName}`);
    },
  };
  return { read: (_what, ask) => ask(client as never) } as ChainReader;
}

const made = createSyntheticReceipt({
  ...{ crypto: nobleCrypto, ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) }, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  // Somebody else signs for the account that pays.
  payer: { ...delegate, address: account?.address } as never,
});

it.each([
  [10n ** 30n, 'pass'],
  [0n, 'fail'],
] as const)('knows keys of the beacon, and a key that signs for a payer up to %s: %s', async (limit, status) => {
  const sources = { reader: readerOf(limit), deployment, ledger: { validators: [] } };
  const trust = await readNetworkTrust(made.receipt, sources);
  expect(trust.generations?.map(({ generation, key, firstEpoch }) => [generation, toHex(key), firstEpoch])).toEqual([
    [1, 'ab'.repeat(48), 3n],
  ]);
  const { request, response } = made.reply;
  const { checks } = await verifyReceipt(made.receipt, { request, response, trust, nowMs: 0 });
  expect(checks.find(({ id }) => id === 'order-signature')?.status).toBe(status);
});
