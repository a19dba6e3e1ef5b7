import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import type { ProtocolAttack } from './attack.ts';

/** What the attacker can read about the network that its consumer means to use. */
export interface PublicNetwork {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  /** `everything`: its own chain and validators, too. `unseen`: the real ones, which never hear of the reply. */
  readonly invents: 'everything' | 'unseen';
}

const OWN_LEDGER = { chainId: 666n, verifyingContract: new Uint8Array(20).fill(0x66) };
const OWN_VALIDATOR = new Uint8Array(20).fill(0x67);

/** A gateway that plays payer, router and provider, and signs whatever each of them would sign. */
export const inventedParties: ProtocolAttack<PublicNetwork, SyntheticReceipt> = {
  name: 'invented-parties',
  aim: 'A consumer takes the text of any model, or of none, for an answer that a provider of the network vouches for.',
  play({ crypto, ledger, invents }) {
    const isAll = invents === 'everything';
    return createSyntheticReceipt({
      crypto,
      tokens: 3,
      provider: createNobleHybridSigner(new Uint8Array(64).fill(0x61)),
      router: createNobleHybridSigner(new Uint8Array(64).fill(0x62)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(0x63)),
      ledger: isAll ? OWN_LEDGER : ledger,
      ...(isAll && { seed: 2, bend: { order: (order) => ({ ...order, validator: OWN_VALIDATOR }) } }),
    });
  },
};
