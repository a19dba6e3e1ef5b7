import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import {
  describeOverAdmission,
  encodeOverAdmission,
  findOverAdmission,
  hashOverAdmission,
  judgeOverAdmission,
} from '@ogong/protocol/exchange/over-admission';
import { createOrderAdmission } from '../synthetic/synthetic-over-admission.ts';

const START_MS = 1_700_000_000_000n;

/** Three orders of 40, admitted ten seconds apart, in a channel that had room for 100. */
export function createOverAdmissionVectors(crypto: Crypto): unknown {
  const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const signer = createNobleLedgerSigner(new Uint8Array(32).fill(0x43));
  const validator = new Uint8Array(20).fill(0x22);
  const orders = [0n, 1n, 2n].map((i) => {
    const admittedAtMs = START_MS + 10_000n * i;
    const times = { admittedAtMs, expiresAtMs: admittedAtMs + 120_000n };
    return createOrderAdmission(crypto, {
      ledger,
      payer,
      validator,
      signer,
      number: Number(i),
      maxFeeAtomic: 40n,
      ...times,
    });
  });
  const evidence = findOverAdmission(crypto, ledger, { orders, capacityOf: () => 100n });
  if (evidence === undefined) throw new Error('three orders of 40 exceed 100');
  const view = { ledger, signingKeys: [signer.address], capacityAtomic: 100n, convictedAtMs: 0n };
  const { heldAtomic, firstMs, lastMs } = describeOverAdmission(evidence);
  return {
    ...{ chainId: 31337, escrow: toHex(ledger.verifyingContract), payer: toHex(payer.address) },
    ...{ validator: toHex(validator), signingKey: toHex(signer.address), capacity: 100 },
    ...{ held: Number(heldAtomic), firstTime: Number(firstMs), lastTime: Number(lastMs) },
    evidence: toHex(encodeOverAdmission(evidence)),
    hash: toHex(hashOverAdmission(crypto, evidence)),
    checks: judgeOverAdmission(crypto, view, evidence).map(({ id, status }) => ({ id, status })),
  };
}
