import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { signBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { type CohortTerms, encodeCohortAgreement, signCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { createSteadySigner } from '../protocol/steady-signer.ts';

/** Three shards that serve a made-up reply: the provider of the order leads them. */
export interface SyntheticCohort {
  /** Changes the terms before the members sign them. */
  readonly terms?: (terms: CohortTerms) => CohortTerms;
  /** Changes the roots in the header, after the shards have signed them. */
  readonly roots?: (roots: Header['boundaries']) => Header['boundaries'];
  /** Positions of each root. Default: all that the reply needs. */
  readonly positions?: number;
  /** Place of a member whose consent has another signature. Default: each has signed. */
  readonly unsigned?: number;
  /** Whether the receipt has no agreement. Default: it has one. */
  readonly isHidden?: boolean;
}

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
/** Layers of each shard with its part of the price; the leader has the rest of the price. */
const SHARDS = [
  { firstLayer: 0, layers: 3, pricePer1kAtomic: 333_333n },
  { firstLayer: 3, layers: 4, pricePer1kAtomic: 1_200_000n },
  { firstLayer: 7, layers: 1, pricePer1kAtomic: 0n },
];
const sessions = SHARDS.map((_, place) => createNobleEd25519Signer(fill(32, 0x71 + place)));

/** Puts the roots that the shards sign into the header of a reply. */
export function addRoots(header: Header, { roots, positions }: SyntheticCohort): Header {
  const { orderHash, promptTokenCount, outputTokenCount } = header;
  const signed = sessions.slice(0, -1).map((signer, place) => {
    const statement = {
      ...{ orderHash, place, turns: outputTokenCount, root: fill(32, 0x81 + place) },
      positions: positions ?? promptTokenCount + outputTokenCount - 1,
    };
    const { root, turns, signature, positions: count } = signBoundaryRoot(signer, statement);
    return { positions: count, turns, root, signature };
  });
  return { ...header, boundaries: roots?.(signed) ?? signed };
}

/** Makes the agreement of the shards for an order. */
export function agreeToOrder(
  crypto: Crypto,
  {
    provider,
    ledger,
    order,
  }: { readonly provider: HybridSigner; readonly ledger: LedgerDomain; readonly order: NamedOrder },
  { numericClass }: Pick<Header, 'numericClass'>,
  { terms: bend, unsigned }: SyntheticCohort,
): Uint8Array {
  const signers = [createSteadySigner(fill(64, 0x61)), createSteadySigner(fill(64, 0x62)), provider];
  const others = SHARDS.reduce((sum, { pricePer1kAtomic }) => sum + pricePer1kAtomic, 0n);
  const members = SHARDS.map((shard, place) => ({
    ...shard,
    providerId: hashHybridKey(crypto, (signers[place] as HybridSigner).publicKey),
    ...(place === SHARDS.length - 1
      ? { payee: order.payee, pricePer1kAtomic: order.pricePer1kAtomic - others }
      : { payee: fill(20, 0x91 + place) }),
    numericClass,
    sessionKey: (sessions[place] as (typeof sessions)[number]).publicKey,
  }));
  const { orderHash, modelRoot } = order;
  const unbent = {
    ...{ chainId: ledger.chainId, escrow: ledger.verifyingContract, orderHash, modelRoot },
    ...{ manifestHash: fill(32, 0xa1), leaderLink: fill(32, 0xa3), blindHash: fill(32, 0xa4), members },
  };
  const terms = bend?.(unbent) ?? unbent;
  const signatures = signers.map((signer, place) =>
    signCohortTerms(signer, place === unsigned ? { ...terms, manifestHash: fill(32, 0xa2) } : terms),
  );
  return encodeCohortAgreement({ terms, signatures });
}
