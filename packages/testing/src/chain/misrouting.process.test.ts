import { misroutingAbi } from '@ogong/chain/generated/abi';
import type { Hex } from '@ogong/chain/hex';
import { misroutingOf } from '@ogong/chain/validators/cases';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { compareBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import {
  type Candidate,
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  replayMatch,
} from '@ogong/protocol/exchange/match';
import { findMisrouting } from '@ogong/protocol/exchange/misrouting';
import { SORTS } from '@ogong/protocol/exchange/preference';
import { encodeTicket, type Ticket } from '@ogong/protocol/exchange/ticket';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

const SEED = Number(process.env.OGONG_SEED ?? 143);
const CASES = process.env.OGONG_LONG === '1' ? 10_000 : 300;
const SIGNED = process.env.OGONG_LONG === '1' ? 300 : 20;
const BOND = 50n * unit;
/** In the order of the contract's errors, as the texts of `findMisrouting` begin. */
const FAULTS = [
  /^$/,
  /another model/,
  /gives? another provider/,
  /other terms/,
  /above the highest/,
  /less at stake/,
  /less room/,
];
const hex = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`;

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, limits: { minimumRouterBond: BOND, unbondingDelay: 3_600 } });
});
afterAll(() => ledger?.stop());

/** Lists and tickets that differ in anything that counts, mostly by little. */
function createCases(seed: number) {
  const draw = createSeededRandom(seed);
  const below = (bound: number): number => Math.floor(draw() * bound);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => below(256));
  const large = (bits: number): bigint => {
    const digits = Math.ceil((1 + below(bits)) / 4);
    return BigInt(`0x${Array.from({ length: digits }, () => below(16).toString(16)).join('')}`);
  };
  const payees = [bytes(20), bytes(20), bytes(20)];
  /** Figures at their bounds or near each other. */
  const number = (...bounds: readonly number[]): number => (draw() < 0.3 ? pick(bounds) : 1 + below(1_000));
  const modelId = 'ogong/verified/acme/one';

  return (router: Uint8Array, issuedAtMs: number) => {
    const asked = {
      ...{ sort: pick(SORTS), maxPricePer1kAtomic: pick([1_000n, 2n ** 128n - 1n]), contextSize: pick([512, 4_096]) },
      minHeldTokens: pick([0n, 5n]),
    };
    const room = pick([512, 4_096, 8_192]);
    const candidates = Array.from({ length: 1 + below(draw() < 0.1 ? 120 : 6) }, (): Candidate => {
      const isOdd = draw() < 0.02;
      return {
        ...{ providerId: bytes(32), payee: pick(payees), contextSize: isOdd ? 700 : room },
        pricePer1kAtomic: isOdd ? large(128) : BigInt(below(1_001)),
        stakeTokens: draw() < 0.2 ? large(64) : BigInt(below(3)),
        heldTokens: isOdd ? 4n : 5n + BigInt(below(10)),
        reputationPpm: number(1, 1_000_000),
        figures: { latencyMs: number(0, 1, 20, 600_000), milliTokensPerSecond: number(0, 1_000_000_000) },
      };
    }).sort((a, b) => compareBytes(a.providerId, b.providerId));
    const list = encodeCandidates({ modelId, asked, candidates });
    const replyId = bytes(16);
    const drawn = replayMatch(crypto, list, computeMatchSeed(crypto, replyId)) as Candidate;
    const named = draw() < 0.3 ? pick(candidates) : drawn;
    const { providerId, payee, contextSize, pricePer1kAtomic } = named;
    const ticket: Ticket = {
      ...{ router, modelId: draw() < 0.05 ? 'ogong/verified/acme/two' : modelId, providerId, payee, contextSize },
      pricePer1kAtomic: draw() < 0.05 && pricePer1kAtomic > 0n ? pricePer1kAtomic - 1n : pricePer1kAtomic,
      ...{ providerEndpoint: `https://${'a'.repeat(below(60))}.example`, providerCertHash: bytes(32) },
      ...{ modelRoot: bytes(32), replyId, candidatesHash: hashCandidates(crypto, list) },
      ...{ issuedAtMs, expiresAtMs: issuedAtMs + 120_000 },
    };
    return { ticket, list };
  };
}

describe('the contract checks a router as the protocol does', () => {
  it(`in ${CASES} random cases`, async () => {
    const create = createCases(SEED);
    const found = new Map<number, number>();
    for (let done = 0; done < CASES; done += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const { ticket, list } = create(new Uint8Array(20).fill(1), 1_000);
          const call = {
            address: misroutingOf(ledger.deployment),
            abi: misroutingAbi,
            functionName: 'faultOf',
          } as const;
          const args = [hex(encodeTicket(ticket)), hex(list)] as const;
          const fault = await ledger.governor.transactor.client.readContract({ ...call, args });
          const said = findMisrouting(crypto, { ticket, candidates: list }) ?? '';
          expect(said, `seed ${SEED}`).toMatch(FAULTS[fault] as RegExp);
          found.set(fault, (found.get(fault) ?? 0) + 1);
        }),
      );
    }
    console.log(`misrouting from seed ${SEED}: ${JSON.stringify([...found].sort(([a], [b]) => a - b))}`);
    expect([...found.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  }, 3_600_000);

  it(`and checks ${SIGNED} signatures correctly`, async () => {
    const create = createCases(SEED + 1);
    const router = await ledger.createMember(BOND);
    await router.client.stake(BOND);
    const { client } = ledger.governor.transactor;
    const address = misroutingOf(ledger.deployment);
    /** Returns why the chain would refuse a case, if the case had been announced. */
    const ask = async (signed: { ticket: Hex; routerKey: Hex; signature: Hex }, list: Uint8Array): Promise<unknown> => {
      const args = [signed, hex(list), `0x${'00'.repeat(32)}`] as const;
      const call = { address, abi: misroutingAbi, functionName: 'prove', account: router.address, args } as const;
      const refusal = await client.simulateContract(call).then(
        () => undefined,
        (error: unknown) =>
          error as { walk(match: (one: unknown) => boolean): { data?: { errorName: string } } | null },
      );
      return refusal?.walk((one) => one instanceof Error && 'data' in one)?.data?.errorName;
    };
    for (let i = 0; i < SIGNED; i++) {
      const signer = createNodeHybridSigner(seedOf(i));
      await router.client.registerRouter(hashHybridKey(crypto, signer.publicKey));
      const nowMs = Number((await client.getBlock()).timestamp) * 1_000;
      const { ticket, list } = create(fromHex(router.address.slice(2)), nowMs);
      const message = encodeTicket(ticket);
      const signature = signer.sign(message).slice(0, 64);
      const signed = { ticket: hex(message), routerKey: hex(signer.publicKey), signature: hex(signature) };
      const isFault = findMisrouting(crypto, { ticket, candidates: list }) !== undefined;
      expect(await ask(signed, list), `seed ${SEED}`).toBe(isFault ? 'NotAnnounced' : 'NoMisrouting');
      signature[i % 64] = (signature[i % 64] as number) ^ (1 << (i % 8));
      expect(await ask({ ...signed, signature: hex(signature) }, list)).toBe('BadTicketSignature');
    }
  }, 600_000);
});

/** 64 bytes of a hybrid key. */
function seedOf(i: number): Uint8Array {
  const part = (byte: number): Uint8Array => crypto.sha256(Uint8Array.of(byte, i & 255, i >> 8));
  return new Uint8Array([...part(1), ...part(2)]);
}
