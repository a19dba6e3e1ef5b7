import type { Store } from '@ogong/host/store/store';
import { compareBytes, equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import {
  isQuorum,
  type QuorumMember,
  type QuorumSignature,
  type QuorumVerdict,
  verifyQuorum,
} from '@ogong/protocol/crypto/quorum';
import { summarizeSettlement } from '@ogong/protocol/settlement/batch';
import { findCorrection, listSignatures, putSignature, type StoredBatch } from '../store/batch-store.ts';
import { type EntryFault, MAX_REASON } from './cosign/cosign-error.ts';
import { findSigned, isSignable, keepPlaces, listPlaces } from './cosign/cosign-vote.ts';
import type { OpenEntry } from './entry-window.ts';
import { readBatchEntries, takeEntries } from './propose-batch.ts';
import { SettlementError } from './settlement-error.ts';
import type { CosignRequest, SettlementChain, SettlementState, Votes } from './settlement-state.ts';
import { sumSignatures } from './sum-signatures.ts';

/**
 * Reads the votes of reachable validators and of those that have signed, as the contract counts them: not by present
 * bonds. @throws ChainError
 */
export async function readVotes(
  client: Pick<SettlementChain, 'votesOf'>,
  validators: readonly Pick<QuorumMember, 'address'>[],
  signed: readonly Pick<QuorumSignature, 'signer'>[],
  blockNumber?: bigint,
): Promise<Votes> {
  const addresses = validators.map(({ address }) => address);
  for (const { signer } of signed) if (!addresses.some((one) => equalBytes(one, signer))) addresses.push(signer);
  const { each, signingKeys, total } = await client.votesOf(addresses, blockNumber);
  const voters = addresses.map((address, i) => ({
    address,
    signingKey: fromHex((signingKeys[i] ?? '').slice(2), 20),
    stake: each[i] ?? 0n,
  }));
  return { voters, total };
}

/** A quorum in the form that the chain accepts. */
interface Gathered {
  readonly quorum: readonly Uint8Array[];
  /** The single signatures, if the quorum is an aggregate, for a chain that does not accept that. */
  readonly each: readonly Uint8Array[] | undefined;
}

interface GatheringOptions {
  readonly batch: StoredBatch;
  readonly digest: Uint8Array;
  /** Gathers all available signatures and not just enough of them: more bonds cover more money. */
  readonly isWhole?: boolean;
}

/**
 * Collects and stores the signatures of peers until they are a quorum together with this validator's own, and then adds
 * that. So this validator does not sign a log that must change because too many refuse an entry. Suppose that it has
 * signed, and the votes of the quorum are gone. Then it counts as any signer: it signs no other log there, and only
 * others may settle one.
 * @returns the signatures in the contract's order. @throws SettlementError, ChainError
 */
export async function gatherSignatures(
  state: SettlementState,
  client: Pick<SettlementChain, 'votesOf' | 'rosterMembers' | 'takeRoster'>,
  { batch, digest, isWhole = false }: GatheringOptions,
): Promise<Gathered> {
  const { signer, store, chain, minSignatures, onError } = state;
  const { sequence, from } = batch;
  const validators = chain.validators();
  const known = store.read(() => listSignatures(store, sequence));
  const votes = await readVotes(client, validators, [...known, { signer: signer.address }]);
  const count = () => countSignatures(state, votes, sequence, digest);
  const counted = count().signatures.map((one) => one.signer);
  const missing = validators.filter(
    ({ address }) => ![...counted, signer.address].some((one) => equalBytes(one, address)),
  );
  const open = readBatchEntries(state, batch);
  const request = { batch: batch.bytes, entries: open.map((one) => one.message()), logFrom: from };
  const own = store.read(() => readOwnPlaces(store, signer.address, batch, open));
  const isAlmost = () => {
    const counted = count();
    return own.isSignable ? addOwn(counted, votes, signer.address, minSignatures) : counted.ok;
  };
  const refusals = createRefusals(batch, votes, { address: signer.address, signed: own.signed });
  let correctedUpTo: bigint | undefined;
  // A silent peer does not delay the step, which continues with a quorum. Other signatures may still arrive.
  if (isWhole || !isAlmost()) {
    await new Promise<void>((resolve) => {
      const asked = missing.map(async (peer) => {
        const { refused, problem } = await askPeer(state, peer, { request, batch, digest, votes });
        if (problem !== undefined) refusals.addMissing(peer, problem);
        correctedUpTo = (await takeDeliveries(state, batch, refused)) ?? correctedUpTo;
        refusals.add(peer, refused);
        if (correctedUpTo !== undefined || (!isWhole && isAlmost()) || refusals.listBlocked().length > 0) resolve();
      });
      void Promise.all(asked).then(() => resolve(), onError);
    });
  }
  if (correctedUpTo !== undefined) {
    const message = `batch ${sequence}: ${refusals.describe()}`;
    throw new SettlementError('entries-corrected', message, { upTo: correctedUpTo });
  }
  const blocked = refusals.listBlocked();
  if (!isAlmost() && blocked.length > 0) {
    throw new SettlementError('entries-refused', `batch ${sequence}: ${refusals.describe(blocked)}`, {
      refused: blocked,
    });
  }
  if (own.isSignable && isAlmost()) await addOwnSignature(state, batch, open);
  const quorum = count();
  if (!quorum.ok) {
    const reasons = refusals.describe();
    const missed = refusals.describeMissing();
    throw new SettlementError(
      'no-quorum',
      `batch ${sequence}: ${quorum.signatures.length} signed with ${quorum.signedStake} of ${quorum.totalStake} votes; ` +
        `more than two thirds of the votes and ${minSignatures} signatures are needed` +
        (reasons === '' ? '' : `; refused: ${reasons}`) +
        (missed === '' ? '' : `; no answer: ${missed}`),
    );
  }
  const picked = pickFewest(quorum.signatures, votes, isWhole ? quorum.signatures.length : minSignatures);
  const isMany = state.sums !== undefined && picked.length > state.sums.above;
  const sum = isMany ? await sumSignatures(state, client, { sequence, digest, votes }) : undefined;
  const each = picked.map(({ signature }) => signature);
  // A co-signer may have sent only one kind. If all count, the form that covers more is used.
  if (sum === undefined || (isWhole && sum.votes < quorum.signedStake)) return { quorum: each, each: undefined };
  return { quorum: [sum.element], each };
}

/**
 * Accepts deliveries that co-signers received from payers, as if the payers had sent them here. A second record is
 * evidence, and corrects the entry.
 * @returns the end of a batch that contains these corrections; undefined if there are none, or one batch cannot contain
 * them.
 */
async function takeDeliveries(
  state: SettlementState,
  { from, to }: Pick<StoredBatch, 'from' | 'to'>,
  refused: readonly EntryFault[],
): Promise<bigint | undefined> {
  const { store, acceptDeliveryOf, onError } = state;
  const told = new Map(refused.map(({ index, delivery }) => [index, delivery]));
  let last = to;
  for (const [index, delivery] of told) {
    if (delivery === undefined || index < from || index >= to) continue;
    await acceptDeliveryOf(delivery).catch(onError);
    const position = store.read(() => findCorrection(store, index));
    if (position !== undefined && position >= last) last = position + 1n;
  }
  return last > to && last <= from + BigInt(takeEntries(state, from).length) ? last : undefined;
}

/** Tells whether the signatures are enough once this validator adds its own. */
function addOwn(
  { ok, signatures, signedStake }: QuorumVerdict,
  { voters, total }: Votes,
  own: Uint8Array,
  least: number,
) {
  if (ok || signatures.some(({ signer }) => equalBytes(signer, own))) return ok;
  const stake = voters.find(({ address }) => equalBytes(address, own))?.stake ?? 0n;
  return isQuorum(signedStake + stake, total) && signatures.length + 1 >= least;
}

/** Reads the places of its own log that this validator may sign, and the entries that it has signed. */
function readOwnPlaces(
  store: Store,
  own: Uint8Array,
  { settlement }: Pick<StoredBatch, 'settlement'>,
  open: readonly OpenEntry[],
): { readonly isSignable: boolean; readonly signed: ReadonlySet<bigint> } {
  const entries = open.map(({ entry }) => entry);
  const end = { head: settlement.batch.logHead };
  return {
    isSignable: isSignable(store, own, entries, end),
    signed: findSigned(store, own, listPlaces(entries, end)),
  };
}

/** Adds this validator's signature. The signed places are on the disk before. */
async function addOwnSignature(
  {
    crypto,
    domain,
    signer,
    group,
    onError,
  }: Pick<SettlementState, 'crypto' | 'domain' | 'signer' | 'group' | 'onError'>,
  batch: StoredBatch,
  open: readonly OpenEntry[],
): Promise<void> {
  const entries = open.map(({ bytes }) => bytes);
  const parsed = open.map(({ entry }) => entry);
  const places = listPlaces(parsed, { head: batch.settlement.batch.logHead });
  await group.write((db) => keepPlaces(db, signer.address, places));
  const statement = { domain, summary: summarizeSettlement(crypto, batch.settlement), entries };
  const signature = await signer.sign({ kind: 'batch', ...statement });
  // A vote counts without these signatures.
  const tell = (error: unknown): undefined => void onError(error);
  const head = await signer.signHead?.(statement).catch(tell);
  const share = await signer.signShare?.({ kind: 'batch', ...statement }).catch(tell);
  await group.write((db) => putSignature(db, batch, { signer: signer.address, signature, share, head }));
}

/**
 * Picks the fewest of these signatures that are a quorum, the largest votes first, in the contract's order: ascending
 * by signing key. Each signature costs gas, and many validators with small votes could otherwise make a batch too
 * costly for one transaction.
 */
export function pickFewest(
  signatures: readonly QuorumSignature[],
  { voters, total }: Votes,
  least: number,
): QuorumSignature[] {
  const known = new Map(voters.map((voter) => [toHex(voter.address), voter]));
  const ranked = signatures
    .flatMap((signature) => {
      const voter = known.get(toHex(signature.signer));
      return voter ? [{ signature, stake: voter.stake, signingKey: voter.signingKey }] : [];
    })
    .sort((a, b) => (a.stake === b.stake ? 0 : a.stake > b.stake ? -1 : 1));
  const picked: typeof ranked = [];
  let signed = 0n;
  for (const one of ranked) {
    if (picked.length >= least && isQuorum(signed, total)) break;
    picked.push(one);
    signed += one.stake;
  }
  return picked.sort((a, b) => compareBytes(a.signingKey, b.signingKey)).map((one) => one.signature);
}

/** Counts the signatures that are stored. */
export function countSignatures(
  { crypto, store, minSignatures }: Pick<SettlementState, 'crypto' | 'store' | 'minSignatures'>,
  { voters, total }: Votes,
  sequence: bigint,
  digest: Uint8Array,
): QuorumVerdict {
  const signatures = store.read(() => listSignatures(store, sequence));
  const quorum = verifyQuorum(crypto, { digest, signatures, validators: voters, totalStake: total });
  return { ...quorum, ok: quorum.ok && quorum.signatures.length >= minSignatures };
}

/** Most reasons in one message. They are texts of peers. */
const MAX_DESCRIBED = 8;

interface Refusals {
  add(peer: Pick<QuorumMember, 'address'>, faults: readonly EntryFault[]): void;
  /**
   * Lists entries that can leave the log. No quorum can sign them, and the refusing validators are a quorum together
   * with this one, or without it if it has signed them. If fewer refuse, others may have signed the log as it is, and
   * another log would never find a quorum of theirs. So the entries stay and are proposed again.
   */
  listBlocked(): bigint[];
  /** Describes the reasons for the first few. @param entries default: all refused entries. */
  describe(entries?: readonly bigint[]): string;
  addMissing(peer: Pick<QuorumMember, 'address'>, problem: string): void;
  /** Describes the first few peers that have neither signed nor refused an entry, with the reason. */
  describeMissing(): string;
}

/** @param own this validator. It signs the remaining log, unless it has signed the log with the entry. */
export function createRefusals(
  { from, to }: Pick<StoredBatch, 'from' | 'to'>,
  { voters, total }: Votes,
  own: { readonly address: Uint8Array; readonly signed: ReadonlySet<bigint> },
): Refusals {
  const stakeOf = (address: Uint8Array): bigint =>
    voters.find((voter) => equalBytes(voter.address, address))?.stake ?? 0n;
  const found = new Map<bigint, { stake: bigint; reason: string }>();
  const missing: string[] = [];
  const isBlocked = (index: bigint, stake: bigint): boolean => {
    const others = own.signed.has(index) ? 0n : stakeOf(own.address);
    return !isQuorum(total - stake, total) && isQuorum(others + stake, total);
  };
  return {
    add({ address }, faults) {
      const stake = stakeOf(address);
      const named = new Map(faults.map(({ index, reason }) => [index, reason]));
      for (const [index, reason] of named) {
        if (index < from || index >= to) continue;
        found.set(index, { stake: (found.get(index)?.stake ?? 0n) + stake, reason });
      }
    },
    addMissing: ({ address }, problem) => missing.push(`0x${toHex(address)}: ${problem.slice(0, MAX_REASON)}`),
    describeMissing: () => missing.slice(0, MAX_DESCRIBED).join('; '),
    listBlocked: () => [...found].filter(([index, { stake }]) => isBlocked(index, stake)).map(([index]) => index),
    describe: (entries = [...found.keys()]) =>
      entries
        .slice(0, MAX_DESCRIBED)
        .map((index) => found.get(index)?.reason.slice(0, MAX_REASON))
        .join('; '),
  };
}

/**
 * Asks one peer, and stores its signature if it is genuine. Reports anything else; never throws.
 * @returns the entries that the peer refuses, or the reason why the call failed.
 */
export async function askPeer(
  {
    crypto,
    group,
    cosign,
    onError,
    onUncompared,
  }: Pick<SettlementState, 'crypto' | 'group' | 'cosign' | 'onError' | 'onUncompared'>,
  peer: QuorumMember,
  {
    request,
    batch,
    digest,
    votes,
  }: {
    readonly request: CosignRequest;
    readonly batch: StoredBatch;
    readonly digest: Uint8Array;
    readonly votes: Pick<Votes, 'voters'>;
  },
): Promise<{ readonly refused: readonly EntryFault[]; readonly problem?: string }> {
  try {
    const { signature, share, refused, uncompared, head } = await cosign(peer, request);
    if (refused.length > 0) return { refused };
    const signed = { signer: peer.address, signature };
    const { signatures } = verifyQuorum(crypto, { digest, signatures: [signed], validators: votes.voters });
    if (signatures.length === 0) throw new Error("not a signature by the peer's signing key");
    await group.write((db) => putSignature(db, batch, { ...signed, share, head }));
    if (uncompared.length > 0) onUncompared(peer, uncompared);
    return { refused: [] };
  } catch (error) {
    onError(error);
    return { refused: [], problem: error instanceof Error ? error.message : String(error) };
  }
}
