import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  computeEmissionBudget,
  computeEmissionClaim,
  computeEmissionProof,
  computeEmissionRoot,
  computeScheduled,
  EMISSION_HALVING_S,
  EMISSION_TRANCHE_ATOMIC,
  hashAllotment,
  hashEmissionLeaf,
} from '@ogong/protocol/settlement/emission';
import { type RecycledBatch, tallyEmission } from '@ogong/protocol/settlement/emission-tally';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const NOBODY = fill(0, 20);

const line = (label: number, router: Uint8Array, recycledAtomic: bigint) => ({
  ...{ providerId: fill(label), payee: fill(label, 20) },
  ...{ router, recycledAtomic },
});

const BATCHES: readonly RecycledBatch[] = [
  {
    validator: fill(0xa1, 20),
    lines: [line(1, fill(0xb1, 20), 1_000_000_007n), line(2, NOBODY, 999_999n), line(1, NOBODY, 3n)],
    verifiers: [
      { payee: fill(1, 20), credits: 3 },
      { payee: fill(3, 20), credits: 1 },
      { payee: fill(4, 20), credits: 0 },
    ],
  },
  { validator: fill(0xa2, 20), lines: [line(9, fill(0xb1, 20), 77_777n)], verifiers: [] },
];
const EJECTED = fill(9);

/** Budgets at and around their bounds: recycled tokens, units, the rest of the schedule, lambda. */
const BUDGETS: readonly (readonly [bigint, bigint, bigint, bigint])[] = [
  [10_000n, 6_666n, 10n ** 27n, 900_000n],
  [10_000n, 10_000n, 10n ** 27n, 900_000n],
  [10_000n, 10_000n, 17n, 900_000n],
  [10_000n, 1n, 0n, 900_000n],
  [1n, 1n, 10n ** 27n, 900_000n],
  [3n, 2n, 10n ** 27n, 500_001n],
  [4n * 10n ** 27n, 4n * 10n ** 27n, 2n * 10n ** 27n, 1n],
  [10_000n, 0n, 5n, 900_000n],
];

/** The schedule, budgets, a tally with its root and proofs, and the signed bytes: `vectors/emission.json`. */
export function createEmissionVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const entries = tallyEmission(BATCHES, (id) => id[0] === EJECTED[0]);
  const units = entries.reduce((sum, entry) => sum + entry.units, 0n);
  const root = computeEmissionRoot(crypto, entries);
  const domain = { chainId: 31_337n, verifyingContract: fill(0xee, 20) };
  const allotment = { number: 4, until: 1_800_000_000n, root, units };
  const elapsed = [0n, 1n, 86_400n, EMISSION_HALVING_S - 1n, EMISSION_HALVING_S, EMISSION_HALVING_S + 1n]
    .concat([2n, 5n, 20n, 91n, 127n, 128n, 5_000n].map((count) => count * EMISSION_HALVING_S))
    .concat([3n * EMISSION_HALVING_S + 12_345_678n]);
  return {
    tranche: `${EMISSION_TRANCHE_ATOMIC}`,
    schedule: elapsed.map((seconds) => ({ elapsed: `${seconds}`, scheduled: `${computeScheduled(seconds)}` })),
    budgets: BUDGETS.map(([recycledAtomic, some, leftAtomic, lambdaPpm]) => ({
      ...{ recycled: `${recycledAtomic}`, units: `${some}`, left: `${leftAtomic}`, lambda: `${lambdaPpm}` },
      budget: `${computeEmissionBudget({ recycledAtomic, units: some, leftAtomic, lambdaPpm })}`,
    })),
    tally: {
      batches: BATCHES.map(({ validator, lines, verifiers }) => ({
        validator: toHex(validator),
        lines: lines.map((one) => ({
          ...{ providerId: toHex(one.providerId), payee: toHex(one.payee), router: toHex(one.router) },
          recycled: `${one.recycledAtomic}`,
        })),
        verifiers: verifiers.map(({ payee, credits }) => ({ payee: toHex(payee), credits })),
      })),
      ejected: [toHex(EJECTED)],
      ...{ units: `${units}`, root: toHex(root) },
      entries: entries.map((entry, i) => ({
        ...{ account: toHex(entry.account), units: `${entry.units}`, leaf: toHex(hashEmissionLeaf(crypto, entry)) },
        proof: computeEmissionProof(crypto, entries, i).map((node) => toHex(node)),
        // With a budget of 900,000,007 for all units.
        amount: `${computeEmissionClaim({ budget: 900_000_007n, units }, entry.units)}`,
      })),
    },
    allotment: {
      ...{ chainId: '31337', emission: toHex(domain.verifyingContract) },
      ...{ number: 4, until: '1800000000', root: toHex(root), units: `${units}` },
      digest: toHex(hashAllotment(crypto, domain, allotment)),
    },
  };
}
