import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import {
  buildSettlement,
  encodeSettlement,
  parseSettlement,
  type ReadEntry,
  type Settlement,
  type Voucher,
} from './batch.ts';
import { computeSettlementGas, createGasMeter, MAX_SETTLEMENT_GAS } from './gas.ts';
import { appendVerdict, computeGenesisPosition, isBillable, VERDICTS, type VerdictFields } from './verdict-log.ts';

const numbered = (length: number, value: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(length - 4, value);
  return bytes;
};
const validator = numbered(20, 0xffffffff);

interface Reply extends Pick<VerdictFields, 'verdict'> {
  readonly fee: bigint;
  readonly payer: number;
  readonly payee: number;
  readonly router: number;
  /** Payee of the credited verifier; 0: none. Default: 0. */
  readonly verifier?: number;
  readonly isRefuted?: boolean;
  readonly isDoubted?: boolean;
}

function toFields(
  { verdict, fee, payer, payee, router, verifier = 0, isRefuted = false, isDoubted = false }: Reply,
  index: number,
): VerdictFields {
  return {
    replyId: numbered(16, index),
    recordHash: numbered(32, index),
    // The debt to a cheat is void.
    providerId: numbered(32, verdict === 'reject' ? 40_000 + payee : payee),
    payee: numbered(20, 10_000 + payee),
    verdict,
    evidence: verdict === 'reject' ? 'exact' : 'none',
    feeAtomic: isBillable(verdict) ? fee : 0n,
    fineAtomic: 0n,
    payer: numbered(20, 20_000 + payer),
    router: numbered(20, router === 0 ? 0 : 30_000 + router),
    verifiers: [
      {
        ...{ verifierId: numbered(32, verifier), payee: numbered(20, verifier) },
        ...(isRefuted || isDoubted
          ? { outcome: isRefuted ? 'refuted' : 'doubted' }
          : { outcome: 'credited', tokens: 9 }),
      },
    ],
    beaconEpoch: 0n,
    evidenceHash: new Uint8Array(32),
    ...{ step: 'none', eValuePpm: 0, ejects: verdict === 'reject' },
    timeMs: 1,
  };
}

function settle(replies: readonly Reply[]): { readonly gas: readonly number[]; readonly build: () => Settlement } {
  const meter = createGasMeter();
  const gas: number[] = [];
  const entries: ReadEntry[] = [];
  let position = computeGenesisPosition(nobleCrypto, { chainId: 1n, settlement: validator, validator });
  for (const [i, reply] of replies.entries()) {
    const next = appendVerdict(nobleCrypto, position, toFields(reply, i));
    entries.push(next);
    gas.push(meter.add(next.entry));
    position = next.position;
  }
  const vouchers = [...new Set(replies.map(({ payer }) => payer))].map((payer): Voucher => {
    const signed = { cumulative: 10n ** 30n, termsHash: new Uint8Array(32), signature: new Uint8Array(65) };
    return { payer: numbered(20, 20_000 + payer), ...signed };
  });
  return { gas, build: () => buildSettlement(nobleCrypto, { validator, sequence: 1n, position, entries, vouchers }) };
}

/** Creates orders of one payer that each have a payee and a router of their own. */
const createDust = (count: number): Reply[] =>
  Array.from({ length: count }, (_, i) => ({ verdict: 'accept', fee: 1n, payer: 0, payee: i + 1, router: i + 1 }));

describe('the gas of a batch', () => {
  it('is the same over entries and over their netted lines', () => {
    const anyReply = fc.record({
      verdict: fc.constantFrom(...VERDICTS),
      fee: fc.bigInt(0n, 5n),
      payer: fc.nat(5),
      payee: fc.nat(5),
      router: fc.nat(5),
      verifier: fc.nat(5),
      isRefuted: fc.boolean(),
      isDoubted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyReply, { minLength: 1, maxLength: 40 }), (replies) => {
        const { gas, build } = settle(replies);
        expect(computeSettlementGas(build())).toBe(gas.at(-1));
        expect([...gas].sort((a, b) => a - b)).toEqual(gas);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses 250 new payees and routers in one batch, when it is built and when it is parsed', () => {
    const within = settle(createDust(110)).build();
    expect(computeSettlementGas(within)).toBeLessThanOrEqual(MAX_SETTLEMENT_GAS);
    const { gas, build } = settle(createDust(250));
    expect(gas.at(-1)).toBeGreaterThan(MAX_SETTLEMENT_GAS);
    expect(build).toThrow(expect.objectContaining({ code: 'too-large' }));
    const read = (): Settlement => parseSettlement(encodeSettlement({ ...within, ejections: manyIds(200) }));
    expect(read).toThrow(ProtocolError);
  });

  it('counts the signatures of the quorum', () => {
    const { build } = settle(createDust(1));
    expect(computeSettlementGas(build(), 3) - computeSettlementGas(build())).toBe(3 * 24_000);
  });
});

const manyIds = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => numbered(32, i));
