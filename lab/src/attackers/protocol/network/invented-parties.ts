import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { buildSettlement, createVoucher, hashSettlement } from '@ogong/protocol/settlement/batch';
import { appendVerdict, computeGenesisPosition } from '@ogong/protocol/settlement/verdict-log';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { SettledEvidence } from '@ogong/protocol/verdict/receipt/settled';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { consumer, describeReceipt, NOTHING_PAID } from '../consumer-trust.ts';
import { defineAttack } from '../define-attack.ts';

/** Public data of the network that the consumer wants to use. */
export interface PublicNetwork {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  /** `everything`: its own chain and validators, too. `unseen`: the real ones, which never hear of the reply. */
  readonly invents: 'everything' | 'unseen';
  /** A router that consumers know, in league with the attacker. Default: a made-up one. */
  readonly router?: HybridSigner;
  /** A validator in league, which the order names. Default: a real one, in whose place the attacker signs with a key of its own. */
  readonly validator?: LedgerSigner;
}

const OWN_LEDGER = { chainId: 666n, verifyingContract: new Uint8Array(20).fill(0x66) };
const OWN_VALIDATOR = createNobleLedgerSigner(new Uint8Array(32).fill(0x67));

/** Describes the checks of a receipt with invented parties. */
export async function describeInvented(sold: SyntheticReceipt, trust: Trust) {
  const { ok, lines } = await describeReceipt(sold, trust);
  return {
    tried: 'signed an answer in the place of payer, router and provider, on the real chain, and gave it to a consumer',
    answered: lines,
    money: NOTHING_PAID,
    worked: ok,
  };
}

/** A gateway that plays payer, router and provider, and signs whatever each of them would sign. */
export const inventedParties = defineAttack({
  name: 'invented-parties',
  adversary: 'gateway that invents the other parties',
  aim: 'A consumer takes the text of any model, or of none, for an answer that a provider of the network vouches for.',
  stoppedBy: 'A skipped check is no pass, unless the reader allows it by name',
  restarts: { none: 'a receipt is checked by itself, and the consumer keeps nothing' },
  play({
    crypto,
    ledger,
    invents,
    router = createNobleHybridSigner(new Uint8Array(64).fill(0x62)),
    validator,
  }: PublicNetwork) {
    const isAll = invents === 'everything';
    return createSyntheticReceipt({
      crypto,
      tokens: 3,
      provider: createNobleHybridSigner(new Uint8Array(64).fill(0x61)),
      router,
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x63)),
      ledger: isAll ? OWN_LEDGER : ledger,
      validatorKey: validator ?? OWN_VALIDATOR,
      ...(isAll && { seed: 2, bend: { order: (order) => ({ ...order, validator: OWN_VALIDATOR.address }) } }),
    });
  },
  stage: async ({ play }) =>
    describeInvented(play({ ledger: consumer.ledger, crypto, invents: 'unseen' }), consumer.createTrust()),
});

/**
 * Evidence that a handling validator in league can make: a log entry and a batch, both signed by itself, and an
 * invented event.
 */
export function inventSettled({
  crypto,
  receipt,
  reply: { order },
  handler,
  feeAtomic,
  settlement: contract,
}: Pick<SyntheticReceipt, 'receipt' | 'reply'> & {
  readonly crypto: Crypto;
  readonly handler: LedgerSigner;
  /** Price of the reply. */
  readonly feeAtomic: bigint;
  /** Address of the real settlement contract. */
  readonly settlement: Uint8Array;
}): SettledEvidence {
  const { chainId } = receipt.ledger;
  const validator = handler.address;
  const start = computeGenesisPosition(crypto, { chainId, settlement: contract, validator });
  const appended = appendVerdict(crypto, start, {
    ...{ replyId: order.replyId, recordHash: hashRecord(crypto, receipt.record.bytes), providerId: order.providerId },
    ...{ payee: order.payee, payer: order.payer, router: order.router, verdict: 'accept', evidence: 'exact' },
    ...{
      feeAtomic,
      fineAtomic: 0n,
      verifiers: [],
      beaconEpoch: order.epoch + 2n,
      evidenceHash: new Uint8Array(32).fill(1),
    },
    ...{ step: 'reply', eValuePpm: 102_040, ejects: false, timeMs: Number(order.expiresAtMs) },
  });
  const { bytes: entry, position } = appended;
  const voucher = createVoucher(crypto, order, receipt.order.signature);
  const settlement = buildSettlement(crypto, {
    validator,
    sequence: 1n,
    position,
    entries: [appended],
    vouchers: [voucher],
  });
  const digest = hashSettlement(crypto, { chainId, verifyingContract: contract }, settlement);
  return {
    ...{ entry, index: 0, proof: [], settlement, event: settlement.batch, blockNumber: 1n },
    signatures: [{ signer: validator, signature: handler.signDigest(digest) }],
    votes: [{ address: validator, signingKey: validator, stake: 100n }],
    totalVotes: 400n,
  };
}
