import type { GroupCommit } from '@ogong/host/store/group-commit';
import { createReader, equalBytes, ProtocolError, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { eraValidatorsFormat, formCommittee } from '@ogong/protocol/beacon/threshold/members';
import { type EpochMember, hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type BeaconArchive, keptMembersFormat } from './beacon-archive.ts';

/** Members, by the hash in a bootstrap certificate or by the hash of an era on the chain. */
interface NamedMembers {
  readonly kind: 'set' | 'seats';
  readonly hash: Uint8Array;
}

interface MemberQuestions {
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  readonly archive: Pick<BeaconArchive, 'putSet' | 'putCommittee'>;
  readonly group: Pick<GroupCommit, 'write'>;
  /** Account of this validator. */
  readonly self: Uint8Array;
  /** Returns the possible members, without this validator. */
  readonly peers: () => readonly QuorumMember[];
  /** Asks a peer for the bytes of a hash. Rejects if it has none or does not answer. */
  readonly ask: (peer: QuorumMember, hash: Uint8Array) => Promise<Uint8Array>;
}

/**
 * Peers asked at most. One honest member is enough. They are drawn by stake, of which a third may be gone: sixteen
 * draws miss all others once in 600 times.
 */
const MOST_ASKED = 16;

/**
 * Asks other validators for the members of an epoch that this one missed. No peer is trusted: the members must match
 * the hash. They are stored.
 * @returns undefined if no asked peer has them.
 */
export function createMemberQuestions(
  questions: MemberQuestions,
): (named: NamedMembers) => Promise<readonly EpochMember[] | undefined> {
  const { crypto, self, peers, ask } = questions;
  /** A repeated question goes to other peers. */
  let rounds = 0;
  /** Open questions, by hash. */
  const asking = new Map<string, Promise<readonly EpochMember[] | undefined>>();

  async function find(named: NamedMembers): Promise<readonly EpochMember[] | undefined> {
    const seed = crypto.sha256(named.hash, self, utf8Encode(`${rounds++}`));
    for (const peer of drawByStake(crypto, seed, peers())) {
      const bytes = await ask(peer, named.hash).catch(() => undefined);
      const members = bytes && (await take(questions, named, bytes));
      if (members !== undefined) return members;
    }
    return undefined;
  }

  return (named) => {
    const key = toHex(named.hash);
    const found = asking.get(key) ?? find(named).finally(() => asking.delete(key));
    asking.set(key, found);
    return found;
  };
}

/** Draws peers by stake. Registering many validators early is cheap, so their number must not count. */
function drawByStake(crypto: Crypto, seed: Uint8Array, peers: readonly QuorumMember[]): QuorumMember[] {
  const left = [...peers];
  const drawn: QuorumMember[] = [];
  while (left.length > 0 && drawn.length < MOST_ASKED) {
    const total = left.reduce((sum, { stake }) => sum + stake, 0n);
    const bits = createReader(crypto.sha256(seed, utf8Encode(`${drawn.length}`))).u64();
    let point = (bits * total) >> 64n;
    const at = left.findIndex(({ stake }) => {
      point -= stake;
      return point < 0n;
    });
    // No peer has a stake.
    drawn.push(...left.splice(Math.max(0, at), 1));
  }
  return drawn;
}

/** @returns undefined if the members do not match the hash. */
async function take(
  { network, crypto, archive, group }: MemberQuestions,
  { kind, hash }: NamedMembers,
  bytes: Uint8Array,
): Promise<readonly EpochMember[] | undefined> {
  try {
    if (kind === 'set') {
      const members = keptMembersFormat.decode(bytes);
      if (!equalBytes(hashValidatorSet(crypto, network, members), hash)) return undefined;
      await group.write((db) => archive.putSet(db, hash, members));
      return members;
    }
    const seats = eraValidatorsFormat.decode(bytes);
    if (!equalBytes(formCommittee(crypto, network, seats).hash, hash)) return undefined;
    await group.write((db) => archive.putCommittee(db, hash, seats));
    return seats;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
