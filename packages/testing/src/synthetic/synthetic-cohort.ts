import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { Crypto, Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { signBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { type CohortTerms, encodeCohortAgreement, signCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { createSteadySigner } from '../protocol/steady-signer.ts';
import { computeTestEdge } from '../validator/test-edges.ts';
import type { SyntheticOptions } from './synthetic-reply.ts';

/** Three shards that serve a made-up reply: the provider of the order leads them. */
export interface SyntheticCohort {
  /** Changes the terms before the members sign them. */
  readonly terms?: (terms: CohortTerms) => CohortTerms;
  /** Changes the roots in the header, after the shards have signed them. */
  readonly roots?: (roots: Header['boundaries']) => Header['boundaries'];
  /** Roots of the rows that shards have received by their own statements, by place. Default: the rows before. */
  readonly inputs?: Readonly<Record<number, Uint8Array>>;
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
/** Session keys of the shards; the last one is the leader's. */
export const syntheticSessions: readonly Ed25519Signer[] = SHARDS.map((_, place) =>
  createNobleEd25519Signer(fill(32, 0x71 + place)),
);

/** Makes the roots that the shards sign, and the values behind those that the header lists. */
export const addRoots =
  ({ roots, positions, inputs = {} }: SyntheticCohort): NonNullable<NonNullable<SyntheticOptions['bend']>['edges']> =>
  (header, blind, tokens) => {
    const { orderHash, promptTokenCount, outputTokenCount } = header;
    const needed = promptTokenCount + outputTokenCount - 1;
    const sizes = { ...header, outputTokenCount: outputTokenCount + (positions ?? needed) - needed };
    let received = computeBlobRoot(nodeCrypto, blind, tokens);
    const sent = syntheticSessions.slice(0, -1).map((signer, place) => {
      const { root, ...values } = computeTestEdge(sizes, blind, { place });
      const input = inputs[place] ?? received;
      received = values.rows.root;
      const statement = { orderHash, place, turns: outputTokenCount, root, input, positions: values.positions };
      const { turns, signature, positions: count } = signBoundaryRoot(signer, statement);
      return { values, boundary: { positions: count, turns, root, input, signature } };
    });
    const signed = sent.map(({ boundary }) => boundary);
    const boundaries = roots?.(signed) ?? signed;
    const edges = boundaries.flatMap((boundary, place) => {
      const behind = sent.find((one) => one.boundary.root === boundary?.root) ?? sent[place];
      return boundary === undefined || behind === undefined ? [] : [behind.values];
    });
    return { boundaries, edges };
  };

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
    sessionKey: (syntheticSessions[place] as Ed25519Signer).publicKey,
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
