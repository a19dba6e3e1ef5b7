import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashReinstatement, type Reinstatement } from '@ogong/protocol/settlement/reinstatement';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import {
  type Approval,
  dropApproval,
  listApprovals,
  listMarks,
  noteEjection,
  pardonProvider,
  putApproval,
} from '../store/reinstatement-store.ts';
import { gatherPeerSignatures } from './gather-peer-signatures.ts';

export type ReinstateChain = Pick<ChainClient, 'ejectionOf' | 'votesOf' | 'reinstate'>;

export interface ReinstateState {
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly chain: { client(): Promise<ReinstateChain>; validators(): readonly QuorumMember[] };
  /** Asks a peer for its signature; empty if its operator has not approved. */
  readonly ask: (peer: QuorumMember, reinstatement: Reinstatement) => Promise<Uint8Array>;
  readonly onReinstated: (reinstatement: Reinstatement) => void;
  readonly onPardoned: (providerId: Uint8Array) => void;
  /** Called for an approval that came too late: its ejection is final. */
  readonly onFinal: (reinstatement: Reinstatement) => void;
  readonly onError: (error: unknown) => void;
  /** The last provider whose mark was compared. */
  seen: Uint8Array;
}

/** Marks that one step compares with the chain. */
const MARKS_AT_ONCE = 32;

/**
 * Signs the end of a provider's present ejection, for the quorum that must end it. The daemon gives the signature to
 * peers that ask, and submits once enough have signed.
 * @returns number of the ejection; undefined if none is in force. @throws ChainError
 */
export async function approveReinstatement(
  { signer, domain, store }: Pick<ReinstateState, 'signer' | 'domain' | 'store'>,
  client: Pick<ReinstateChain, 'ejectionOf'>,
  providerId: Uint8Array,
): Promise<number | undefined> {
  const { since, count: ejection } = await client.ejectionOf(providerId);
  if (since === 0n) return undefined;
  const signature = await signer.sign({ kind: 'reinstatement', domain, providerId, ejection });
  store.transact((db) => putApproval(db, { providerId, ejection, signature }));
  return ejection;
}

/** Gathers and submits what the operator approved, then undoes marks of providers that the chain reinstated. @throws ChainError */
export async function stepReinstatements(state: ReinstateState): Promise<void> {
  const approvals = state.store.read(() => listApprovals(state.store));
  for (const approval of approvals) await pursue(state, await state.chain.client(), approval);
  await undoMarks(state);
}

async function pursue(state: ReinstateState, client: ReinstateChain, approval: Approval): Promise<void> {
  const { providerId, ejection } = approval;
  const present = await client.ejectionOf(providerId);
  if (present.count !== ejection || present.since === 0n) return drop(state, approval);
  const quorum = await gather(state, client, approval);
  if (quorum === undefined) return;
  try {
    await client.reinstate(providerId, quorum);
    state.onReinstated(approval);
  } catch (error) {
    const refusal = error instanceof ChainError ? error.revert?.name : undefined;
    if (refusal === 'AppealOver') state.onFinal(approval);
    // NotEjected: another validator was faster.
    else if (refusal !== 'NotEjected') throw error;
  }
  await drop(state, approval);
}

async function drop({ group }: Pick<ReinstateState, 'group'>, approval: Approval): Promise<void> {
  await group.write((db) => dropApproval(db, approval));
}

/** @returns sufficient signatures in the contract's order; undefined while there are too few. */
async function gather(
  state: ReinstateState,
  client: ReinstateChain,
  { signature, ...reinstatement }: Approval,
): Promise<Uint8Array[] | undefined> {
  const { crypto, signer, domain, chain, ask, onError } = state;
  return gatherPeerSignatures(client, {
    ...{ crypto, validators: chain.validators(), own: { signer: signer.address, signature }, onError },
    digest: hashReinstatement(crypto, domain, reinstatement),
    ask: (peer) => ask(peer, reinstatement),
  });
}

/**
 * Removes this validator's own marks of providers whose ejection was lifted. A mark whose own ejection is not on the
 * chain yet stays: an earlier ejection was lifted.
 */
async function undoMarks(state: ReinstateState): Promise<void> {
  const { store, group, chain, onPardoned } = state;
  const marks = store.read(() => listMarks(store, state.seen, MARKS_AT_ONCE));
  state.seen = marks.length < MARKS_AT_ONCE ? new Uint8Array(0) : (marks.at(-1)?.providerId ?? state.seen);
  if (marks.length === 0) return;
  const client = await chain.client();
  for (const { providerId, ejection } of marks) {
    const { since, count } = await client.ejectionOf(providerId);
    if (since !== 0n) {
      if (count !== ejection) await group.write((db) => noteEjection(db, { providerId, ejection: count }));
    } else if (ejection > 0) {
      await group.write((db) => pardonProvider(db, providerId));
      onPardoned(providerId);
    }
  }
}
