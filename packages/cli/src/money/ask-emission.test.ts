import type { ChainClient } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createWriter, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeEmissionProof, computeEmissionRoot } from '@ogong/protocol/settlement/emission';
import { startLineService } from '@ogong/testing/link/line-service';
import { describe, expect, it } from 'vitest';
import { type AskUnits, askEmissionClaims, collectAskedClaims } from './ask-emission.ts';

const address = (label: number) => `0x${label.toString(16).padStart(40, '0')}` as const;
const entries = [1, 2, 3].map((label) => ({ account: fromHex(address(label).slice(2)), units: 100n * BigInt(label) }));
const root = `0x${toHex(computeEmissionRoot(crypto, entries))}` as const;
const validators = [0, 1].map((i) => ({ endpoint: `${i}` }) as QuorumMember);
const encode = (units: bigint): Uint8Array => createWriter(16).u128(units).finish();

/** Two tallies with the same accounts; the second one was claimed. */
const chain = {
  emissionState: async () => ({ count: 2 }) as never,
  allotmentOf: async () => ({ root, units: 600n, budget: 300n }),
  hasClaimedEmission: async (number: number) => number === 1,
};

const honest = async (label: number) => ({
  units: encode(100n * BigInt(label)),
  proof: computeEmissionProof(crypto, entries, label - 1),
});

const collect = (label: number, ...answers: AskUnits[]) =>
  collectAskedClaims(chain, address(label), {
    validators,
    ask: async (validator, number) => answers[validators.indexOf(validator)]?.(validator, number),
  });

describe('the emission as validators show it', () => {
  it('is claimed if it leads to the root on the chain', async () => {
    const { claims, unshown } = await collect(2, () => honest(2));
    expect(claims).toMatchObject([{ number: 0, units: 200n, amount: 100n }]);
    expect(unshown).toEqual([]);
  });

  it.each<[string, AskUnits]>([
    ['more units', async () => ({ ...(await honest(2)), units: encode(201n) })],
    ['the part of another account', async () => honest(3)],
    ['units of another width', async () => ({ ...(await honest(2)), units: new Uint8Array(15) })],
    ['a hash of another width', async () => ({ ...(await honest(2)), proof: [new Uint8Array(31)] })],
    ['a way without end', async () => ({ ...(await honest(2)), proof: Array(33).fill(new Uint8Array(32)) })],
    ['nothing', async () => undefined],
  ])('is not believed with %s, and the next validator is asked', async (_, lie) => {
    expect(await collect(2, lie)).toEqual({ claims: [], unshown: [0] });
    expect((await collect(2, lie, () => honest(2))).claims).toMatchObject([{ units: 200n }]);
  });
});

it.each([
  [8_453, 0],
  [31_337, 1],
])(
  'dials a validator that registered a loopback address on chain %i so many times: %i',
  async (chainId, connections) => {
    const service = await startLineService();
    const hash = `0x${'22'.repeat(32)}`;
    const endpoint = formatHostPort(service.at);
    const chain = {
      deployment: { chainId, escrow: address(4), settlement: address(5) },
      validators: async () => [
        { account: address(6), signingKey: hash, stake: 1n, endpoint, certHash: hash, vrfKey: hash },
      ],
      emissionState: async () => ({ count: 1 }),
      hasClaimedEmission: async () => false,
      allotmentOf: async () => ({ root: hash }),
    };
    const { unshown } = await askEmissionClaims(chain as unknown as ChainClient, address(1));
    expect(unshown).toEqual([0]);
    expect(service.connections()).toBe(connections);
    await service.stop();
  },
);
