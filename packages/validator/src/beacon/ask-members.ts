import type { GroupCommit } from '@ogong/host/store/group-commit';
import { createReader, equalBytes, ProtocolError, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { eraValidatorsFormat, formCommittee } from '@ogong/protocol/beacon/threshold/members';
import { type EpochMember, hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type BeaconArchive, keptMembersFormat } from './beacon-archive.ts';

/** By the hash that a certificate of the bootstrap beacon names, or that the chain keeps of an era. */
interface NamedMembers {
  readonly kind: 'set' | 'seats';
  readonly hash: Uint8Array;
}

interface MemberQuestions {
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  readonly archive: Pick<BeaconArchive, 'putSet' | 'putSeats'>;
  readonly group: Pick<GroupCommit, 'write'>;
  /** Own account. */
  readonly self: Uint8Array;
  /** Who may have been there, this one left out. */
  readonly peers: () => readonly QuorumMember[];
  /** What a peer has kept under a hash. Rejects where it has nothing, or does not answer. */
  readonly ask: (peer: QuorumMember, hash: Uint8Array) => Promise<Uint8Array>;
}

/** One honest validator that was there is enough. They are drawn by stake, of which a third may be gone: sixteen miss all others once in 600 times. */
const MOST_ASKED = 16;

/**
 * Has other validators hand over who was of an epoch that this one was not there for. Nobody is believed: the members are those that the hash
 * stands for. They are kept.
 * @returns undefined where nobody who was asked has them.
 */
export function createMemberQuestions(
  questions: MemberQuestions,
): (named: NamedMembers) => Promise<readonly EpochMember[] | undefined> {
  const { crypto, self, peers, ask } = questions;
  /** Who asks again asks others. */
  let rounds = 0;
  /** Under way, by hash. */
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

/** Anybody may register many validators early; what they have at stake is what counts. */
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
    // Nobody has a stake.
    drawn.push(...left.splice(Math.max(0, at), 1));
  }
  return drawn;
}

/** @returns undefined for other members than those that are named. */
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
    await group.write((db) => archive.putSeats(db, hash, seats));
    return seats;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
