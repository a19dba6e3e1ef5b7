import { compareBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import {
  type BeaconContribution,
  encodeVrfInput,
  hashBeaconVote,
  verifyContributions,
} from '@ogong/protocol/beacon/beacon';
import type { BeaconMessage, PreparedValue } from '@ogong/protocol/beacon/beacon-message';
import type { BeaconAction } from '@ogong/protocol/beacon/beacon-state';
import type { QuorumSignature } from '@ogong/protocol/crypto/quorum';
import { type BeaconKeys, type BeaconParty, beaconNetwork, hashSet, namedCrypto } from './beacon-network.ts';

/** Blocks that a liar names. */
const BLOCKS = [0n, 1n] as const;

type Of<K extends BeaconMessage['kind']> = Extract<BeaconMessage, { kind: K }>;

/** Messages that any liar of a league received, shared by all of them. */
export interface BeaconLeague {
  readonly members: BeaconKeys[];
  /** Newest epoch that a liar saw, and the value before it. */
  epoch: bigint;
  previous: Uint8Array;
  readonly contributions: Map<string, BeaconContribution>;
  /** By phase, view and value. */
  readonly votes: Map<string, Map<string, QuorumSignature>>;
  readonly proposals: Map<string, BeaconContribution[]>;
  readonly values: Map<string, Uint8Array | undefined>;
  readonly prepared: PreparedValue[];
  readonly certificates: Of<'certificate'>[];
}

export function createBeaconLeague(): BeaconLeague {
  const empty = { contributions: new Map(), votes: new Map(), proposals: new Map(), values: new Map() };
  return { members: [], epoch: 0n, previous: new Uint8Array(32), ...empty, prepared: [], certificates: [] };
}

/**
 * A validator that follows no rule. It makes messages of every kind in any view, from everything that its league has
 * collected, and sends different ones to each receiver. As proposer it proposes several values, signs all of them,
 * and shows proofs and certificates to chosen receivers.
 */
export function createBeaconLiar(keys: BeaconKeys, league: BeaconLeague): BeaconParty {
  league.members.push(keys);
  const { random, validators, signer } = keys;
  const set = hashSet(validators);
  /** The registry never changes here, so a set is true at every block. Two blocks make two choices of one value. */
  const sets = (block: bigint) => ({ set, following: set, next: set, block });
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  /** The view in which an honest validator last sent a message. */
  let view = 0;

  function startEpoch(epoch: bigint, previous: Uint8Array): void {
    Object.assign(league, { epoch, previous });
    for (const map of [league.contributions, league.votes, league.proposals, league.values]) map.clear();
    league.prepared.length = 0;
    for (const member of league.members) {
      const subject = { epoch, previous, set, validator: member.signer.address };
      const proof = member.proveVrf(encodeVrfInput(beaconNetwork, subject));
      league.contributions.set(toHex(member.signer.address), { validator: member.signer.address, proof });
    }
  }

  function listen(from: Uint8Array, message: BeaconMessage): void {
    if (message.kind === 'certificate') {
      league.certificates.push(message);
      if (message.epoch >= league.epoch) startEpoch(message.epoch + 1n, message.certificate.value);
      return;
    }
    if (message.kind === 'certificate-request' || message.epoch < league.epoch) return;
    if (message.kind === 'view' && message.epoch > league.epoch) startEpoch(message.epoch, message.previous);
    if (message.epoch !== league.epoch || message.kind === 'set' || message.kind === 'set-request') return;
    view = message.view;
    if (message.kind === 'contribution') {
      league.contributions.set(toHex(from), { validator: from, proof: message.proof });
      if (message.lock !== undefined) league.prepared.push(message.lock);
    } else if (message.kind === 'proposal') {
      for (const one of message.contributions) league.contributions.set(toHex(one.validator), one);
      if (message.justify !== undefined) league.prepared.push(message.justify);
    } else if (message.kind === 'prepared') league.prepared.push(message.prepared);
    else if (message.kind === 'vote')
      for (const block of BLOCKS) {
        const { phase, view, value, signature } = message;
        const statement = { epoch: league.epoch, view, previous: league.previous, value, ...sets(block) };
        const digest = hashBeaconVote(namedCrypto, beaconNetwork, phase, statement);
        if (namedCrypto.verifyAddress(digest, signature, from)) keep({ phase, view, value, block }, from, signature);
      }
  }

  function keep(
    { phase, view, value, block }: Pick<Of<'vote'>, 'phase' | 'view' | 'value'> & { block: bigint },
    by: Uint8Array,
    signature: Uint8Array,
  ): void {
    const key = `${phase} ${view} ${toHex(value)} ${block}`;
    const votes = league.votes.get(key) ?? new Map<string, QuorumSignature>();
    league.votes.set(key, votes.set(toHex(by), { signer: by, signature }));
  }

  /** Returns undefined if there are too few. */
  function computeShared(contributions: BeaconContribution[]): Uint8Array | undefined {
    const key = contributions.map(({ proof }) => toHex(proof)).join();
    if (!league.values.has(key)) {
      const { epoch, previous } = league;
      const given = { epoch, previous, set, contributions, validators };
      league.values.set(key, verifyContributions(namedCrypto, beaconNetwork, given).value);
    }
    return league.values.get(key);
  }

  /** Signs a value in both phases for all of the league, and returns its quorum certificates. */
  function collect(
    parts: BeaconContribution[],
    phase: 'prepare' | 'commit',
    inView: number,
    block: bigint,
  ): PreparedValue | undefined {
    const { epoch, previous } = league;
    const value = computeShared(parts);
    if (value === undefined) return undefined;
    const statement = { epoch, view: inView, previous, value, ...sets(block) };
    const digest = hashBeaconVote(namedCrypto, beaconNetwork, phase, statement);
    for (const one of league.members)
      keep({ phase, view: inView, value, block }, one.signer.address, one.signer.signDigest(digest));
    const votes = league.votes.get(`${phase} ${inView} ${toHex(value)} ${block}`) as Map<string, QuorumSignature>;
    const signatures = [...votes.values()].sort((a, b) => compareBytes(a.signer, b.signer));
    return { ...statement, contributions: parts, signatures };
  }

  /** Contributions of one of two proposals: all but one validator each, once all are known. */
  function gather(variant: number): BeaconContribution[] {
    const all = [...league.contributions.values()].sort((a, b) => compareBytes(a.validator, b.validator));
    return all.length < validators.length ? all : all.filter((_, i) => i !== variant);
  }

  /** Makes a random message for one receiver, valid or not. */
  function invent(to: number): BeaconMessage | undefined {
    const { epoch, previous } = league;
    if (epoch === 0n) return undefined;
    const inView = random() < 0.98 ? view : random() < 0.5 ? view + 1 + Math.floor(random() * 4) : 1000;
    const variant = (random() < 0.9 ? to : to + 1) % 2;
    const key = `${inView} ${variant}`;
    const parts = league.proposals.get(key) ?? gather(variant);
    const kind = Math.floor(random() * 7);
    const block = BLOCKS[variant] as bigint;
    if (kind === 0) return { kind: 'view', epoch, view: inView, previous, set };
    if (kind === 1) {
      const proof =
        random() < 0.7
          ? league.contributions.get(toHex(signer.address))?.proof
          : pick([...league.contributions.values()])?.proof;
      return { kind: 'contribution', epoch, view: inView, proof: proof as Uint8Array, lock: pick(league.prepared) };
    }
    if (kind === 2) {
      if (parts.length === validators.length - 1) league.proposals.set(key, parts);
      const justify = random() < 0.3 ? pick(league.prepared) : undefined;
      return {
        kind: 'proposal',
        epoch,
        view: inView,
        previous,
        set,
        next: random() < 0.95 ? set : previous,
        block: justify?.block ?? block,
        contributions: justify?.contributions ?? parts,
        justify,
      };
    }
    const phase = random() < 0.5 ? 'prepare' : 'commit';
    if (kind === 3) {
      const value = collect(parts, phase, inView, block)?.value ?? previous;
      const statement = { epoch, view: inView, previous, value, ...sets(block) };
      const digest = hashBeaconVote(namedCrypto, beaconNetwork, phase, statement);
      return { kind: 'vote', epoch, phase, view: inView, value, signature: signer.signDigest(digest) };
    }
    if (kind === 4 || kind === 5) {
      const prepared = kind === 4 ? collect(parts, 'prepare', inView, block) : pick(league.prepared);
      return prepared && { kind: 'prepared', epoch, view: inView, prepared };
    }
    const certificate =
      random() < 0.5 ? collect(parts, 'commit', inView, block) : pick(league.certificates)?.certificate;
    return certificate && { kind: 'certificate', epoch: certificate.epoch, certificate };
  }

  return {
    tick() {
      const actions: BeaconAction[] = [];
      for (const [i, { address: to }] of validators.entries()) {
        if (equalBytes(to, signer.address)) continue;
        for (const message of [invent(i), invent(i)])
          if (message !== undefined) actions.push({ kind: 'send', to, message });
      }
      return actions;
    },
    receive(from, message) {
      if (!league.members.some((one) => equalBytes(one.signer.address, from))) listen(from, message);
      return [];
    },
  };
}
