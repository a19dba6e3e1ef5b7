import {
  beaconNetwork,
  createBeaconNetwork,
  createNamedSigner,
  hashSet,
  namedCrypto,
  proveByName,
} from '@ogong/testing/protocol/beacon-network';
import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from '../base/bytes.ts';
import type { QuorumMember } from '../crypto/quorum.ts';
import {
  type BeaconCertificate,
  computeGenesisBeacon,
  encodeVrfInput,
  hashBeaconVote,
  verifyContributions,
} from './beacon.ts';
import { createBeaconMachine } from './beacon-machine.ts';
import type { BeaconMessage, PreparedValue } from './beacon-message.ts';
import type { BeaconAction, BeaconVote } from './beacon-state.ts';
import { sortMembers } from './validator-set.ts';

const TIMING = { epochMs: 1000, viewTimeoutMs: 400, gatherMs: 60, resendMs: 100 };

describe('one validator', () => {
  /** The machine of validator 2, which receives its messages from the test. The proposer of epoch 1, view 0 is validator 1. */
  function createOne(vote?: BeaconVote, { isRestart = false } = {}) {
    const net = createBeaconNetwork();
    const peers = net.nodes.map(({ address }) => address);
    const validators: QuorumMember[] = peers.map((address, i) => ({
      address,
      signingKey: address,
      stake: 10n,
      certHash: new Uint8Array(32),
      vrfKey: new Uint8Array(32).fill(i + 1),
      endpoint: '',
    }));
    const machine = createBeaconMachine(
      {
        network: beaconNetwork,
        start: { epoch: 0n, value: computeGenesisBeacon(namedCrypto, beaconNetwork) },
        ...{ vote, isRestart },
        ...TIMING,
      },
      {
        crypto: namedCrypto,
        self: peers[2]!,
        proveVrf: (input) => proveByName(new Uint8Array(32).fill(3), input),
        reading: () => ({ members: validators, block: 0n }),
        findSet: (set) => (equalBytes(set, hashSet(validators)) ? validators : undefined),
        isListed: (set, block) => (block > 9n ? undefined : equalBytes(set, hashSet(validators))),
      },
    );
    machine.tick(0);
    const set = hashSet(validators);
    const previous = computeGenesisBeacon(namedCrypto, beaconNetwork);
    const say = (from: number, view: number): BeaconAction[] =>
      machine.receive(peers[from]!, { kind: 'view', epoch: 1n, view, previous, set }, 1);
    return {
      machine,
      peers,
      validators,
      say,
      /** Half of the stake says that it is in a later view. */
      enter: (view: number): BeaconAction[] => [...say(0, view), ...say(3, view)],
    };
  }

  /** Records all messages from the proposer of view 0 to validator 2 in a healthy network, in order. */
  function record(): BeaconMessage[] {
    const said: BeaconMessage[] = [];
    const net = createBeaconNetwork({
      tamper: (message, from, to) => {
        if (from === 1 && to === 2) said.push(message);
        return message;
      },
    });
    net.runUntil(900, 1n);
    return said;
  }
  const said = record();
  const find = <K extends BeaconMessage['kind']>(kind: K): Extract<BeaconMessage, { kind: K }> =>
    said.find((message): message is Extract<BeaconMessage, { kind: K }> => message.kind === kind)!;
  const votes = (actions: readonly BeaconAction[]): string[] =>
    actions.flatMap((action) => (action.kind === 'vote' ? [action.phase] : []));
  const proposal = find('proposal');
  const other = { ...proposal, contributions: proposal.contributions.slice(1) };
  const prepared = find('prepared');
  const previous = proposal.previous;

  /** A value with prepare votes of the first validators. */
  function prove(view: number, contributions: PreparedValue['contributions'], signers = 3): PreparedValue {
    const { validators, peers } = createOne();
    const { value } = verifyContributions(namedCrypto, beaconNetwork, {
      epoch: 1n,
      previous,
      set: proposal.set,
      contributions,
      validators,
    });
    const { set, next, block } = proposal;
    const statement = { epoch: 1n, view, previous, value: value!, set, following: set, next, block };
    const digest = hashBeaconVote(namedCrypto, beaconNetwork, 'prepare', statement);
    const signatures = peers
      .slice(0, signers)
      .map((address) => ({ signer: address, signature: createNamedSigner(address).signDigest(digest) }));
    return { ...statement, contributions, signatures };
  }

  function certify(): PreparedValue {
    const certified = find('certificate');
    return certified.certificate;
  }

  it('persists before it votes', () => {
    const { machine, peers } = createOne();
    const actions = machine.receive(peers[1]!, proposal, 1);
    expect(actions.map(({ kind }) => kind)).toEqual(['persist', 'vote']);
    expect(votes(actions)).toEqual(['prepare']);
  });

  it("prepares one value per view, from that view's proposer only", () => {
    const { machine, peers } = createOne();
    expect(votes(machine.receive(peers[3]!, proposal, 1))).toEqual([]);
    expect(votes(machine.receive(peers[1]!, proposal, 1))).toEqual(['prepare']);
    expect(votes(machine.receive(peers[1]!, other, 2))).toEqual([]);
    expect(votes(machine.receive(peers[1]!, proposal, 3))).toEqual(['prepare']);
  });

  it('stays locked on its committed value until another value is proven prepared in a later view', () => {
    const lockedIn = (view: number, later = 3) => {
      const { machine, peers, enter } = createOne();
      enter(view);
      const locked = prove(view, proposal.contributions);
      const proposer = peers[(1 + view) % 4]!;
      expect(votes(machine.receive(proposer, { kind: 'prepared', epoch: 1n, view, prepared: locked }, 1))).toEqual([
        'commit',
      ]);
      enter(later);
      /** Votes on another value that the proposer of a later view calls prepared. */
      return (justify: PreparedValue | undefined): string[] =>
        votes(machine.receive(peers[(1 + later) % 4]!, { ...other, view: later, justify }, 2));
    };
    expect(lockedIn(0)(undefined)).toEqual([]);
    expect(lockedIn(0)(prove(2, other.contributions))).toEqual(['prepare']);
    expect(lockedIn(2, 4)(prove(0, other.contributions))).toEqual([]);
    // Invalid proofs: too few votes, votes of another view, another value, a view that has not ended.
    expect(lockedIn(0)(prove(2, other.contributions, 2))).toEqual([]);
    expect(lockedIn(0)({ ...prove(1, other.contributions), view: 2 })).toEqual([]);
    expect(lockedIn(0)(prove(2, proposal.contributions))).toEqual([]);
    expect(lockedIn(0)(prove(3, other.contributions))).toEqual([]);
  });

  it('prepares its own locked value again', () => {
    const { machine, peers, enter } = createOne();
    expect(votes(machine.receive(peers[1]!, prepared, 1))).toEqual(['commit']);
    enter(3);
    const again = { ...proposal, view: 3, justify: prepared.prepared };
    expect(votes(machine.receive(peers[0]!, again, 2))).toEqual(['prepare']);
  });

  const views = (actions: readonly BeaconAction[]): number[] =>
    actions.flatMap((action) =>
      action.kind === 'send' && action.message.kind === 'view' ? [action.message.view] : [],
    );

  it('leaves a view when more than a third of the stake has left it, and never for a single message', () => {
    const { machine, peers, say } = createOne();
    // Validator 2 is the proposer of view 1, validator 3 of view 2.
    for (const kind of ['proposal', 'prepared'] as const)
      expect(machine.receive(peers[3]!, { ...find(kind), view: 2 }, 1)).toEqual([]);
    expect(say(3, 2)).toEqual([]);
    expect(say(3, 0xffff_ffff)).toEqual([]);
    // The liar's highest claim counts for every view below it, and two of four name view 1.
    // Every peer is told, and the sender is asked as well.
    expect(views(say(0, 1))).toEqual([1, 1, 1, 1]);
  });

  it('leaves a view after its timeout, which grows with each view, and tells every peer', () => {
    const { machine } = createOne();
    expect(views(machine.tick(TIMING.viewTimeoutMs - 1))).toEqual([]);
    expect(views(machine.tick(TIMING.viewTimeoutMs))).toEqual([1, 1, 1]);
    const repeated = machine.tick(2 * TIMING.viewTimeoutMs);
    expect(views(repeated).every((view) => view === 1)).toBe(true);
    expect(views(machine.tick(3 * TIMING.viewTimeoutMs))).toEqual([2, 2, 2]);
  });

  it('votes only for a set that the chain lists at its block, or for the one before', () => {
    const vote = (change: Partial<typeof proposal>): string[] => {
      const { machine, peers } = createOne();
      return votes(machine.receive(peers[1]!, { ...proposal, ...change }, 1));
    };
    expect(vote({ block: 5n })).toEqual(['prepare']);
    expect(vote({ next: new Uint8Array(32), block: 5n })).toEqual([]);
    expect(vote({ next: new Uint8Array(32) })).toEqual([]);
    // A block that was not read yet.
    expect(vote({ block: 10n })).toEqual([]);
    expect(vote({ set: new Uint8Array(32) })).toEqual([]);
    const { machine, peers } = createOne();
    expect(votes(machine.receive(peers[1]!, { ...proposal, block: 5n }, 1))).toEqual(['prepare']);
    // The same value with another block is a different choice in the same view.
    expect(votes(machine.receive(peers[1]!, { ...proposal, block: 6n }, 2))).toEqual([]);
  });

  describe('when the registry has changed', () => {
    const [stranger, grinder] = [9, 1].map((byte) => new Uint8Array(20).fill(byte)) as [Uint8Array, Uint8Array];

    function createChanging() {
      const { peers, validators } = createOne();
      const known = new Map<string, readonly QuorumMember[]>([[toHex(hashSet(validators)), validators]]);
      const registry = { list: validators as readonly QuorumMember[] };
      const machine = createBeaconMachine(
        { network: beaconNetwork, start: { epoch: 0n, value: previous }, ...TIMING },
        {
          crypto: namedCrypto,
          self: peers[2]!,
          proveVrf: (input) => proveByName(new Uint8Array(32).fill(3), input),
          reading: () => ({ members: registry.list, block: 3n }),
          findSet: (set) => known.get(toHex(set)),
          isListed: () => true,
        },
      );
      machine.tick(0);
      const named = (address: Uint8Array, key: number): QuorumMember => ({
        ...validators[0]!,
        address,
        vrfKey: new Uint8Array(32).fill(key),
      });
      registry.list = [named(grinder, 77), ...validators.slice(1), named(stranger, 9)];
      const certificate = certify();
      const isHeard = (address: Uint8Array, epoch: bigint): boolean =>
        machine.receive(address, { kind: 'certificate-request', epoch }, 20).length > 0;
      return { machine, peers, validators, known, registry, certificate, isHeard };
    }

    it('the validators named two epochs before agree on an epoch, with the keys of that time', () => {
      const { machine, peers, certificate, isHeard } = createChanging();
      machine.receive(peers[1]!, { kind: 'certificate', epoch: 1n, certificate }, 10);
      expect(machine.set).toEqual(certificate.following);
      expect([peers[0]!, peers[1]!].map((one) => isHeard(one, 1n))).toEqual([true, true]);
      expect(isHeard(stranger, 1n)).toBe(false);
    });

    it('a validator that missed epochs does not trust an old set', () => {
      const { machine, peers, validators, known } = createChanging();
      const alone = validators.slice(0, 1);
      known.set(toHex(hashSet(alone)), alone);
      const certified = certify();
      const set = hashSet(alone);
      const subject = { epoch: 5n, previous: certified.previous, set };
      const input = encodeVrfInput(beaconNetwork, { ...subject, validator: peers[0]! });
      const contributions = [{ validator: peers[0]!, proof: proveByName(alone[0]!.vrfKey, input) }];
      const own = verifyContributions(namedCrypto, beaconNetwork, { ...subject, contributions, validators: alone });
      const lie = { ...certified, ...subject, value: own.value!, contributions, following: set, next: set };
      const digest = hashBeaconVote(namedCrypto, beaconNetwork, 'commit', lie);
      const sign = (signers: readonly Uint8Array[]) =>
        signers.map((one) => ({ signer: one, signature: createNamedSigner(one).signDigest(digest) }));
      const tell = (signers: readonly Uint8Array[]) =>
        machine.receive(
          peers[0]!,
          { kind: 'certificate', epoch: 5n, certificate: { ...lie, signatures: sign(signers) } },
          10,
        );
      expect(tell(peers.slice(0, 1))).toEqual([]);
      expect(machine.latest.epoch).toBe(0n);
      // Four of the five validators that are listed now.
      expect(tell(peers).map(({ kind }) => kind)).toContain('certified');
    });

    it('a validator that does not know a set asks for it, and accepts it by its hash', () => {
      const { machine, peers, registry, certificate } = createChanging();
      const unknown = hashSet(registry.list.slice(1));
      // The present validators sign it. Only the sets that it names are new.
      const named = { ...certificate, following: unknown, next: unknown };
      const later = { ...named, epoch: 2n, set: new Uint8Array(32).fill(1) };
      const digest = hashBeaconVote(namedCrypto, beaconNetwork, 'commit', later);
      const signatures = peers.map((one) => ({ signer: one, signature: createNamedSigner(one).signDigest(digest) }));
      machine.receive(peers[1]!, { kind: 'certificate', epoch: 2n, certificate: { ...later, signatures } }, 10);
      expect(machine.set).toEqual(unknown);
      const asked = machine.tick(5_000).filter((one) => one.kind === 'send' && one.message.kind === 'set-request');
      expect(asked.length).toBeGreaterThan(0);
      const say = (members: readonly QuorumMember[]) =>
        machine.receive(stranger, { kind: 'set', epoch: 3n, members: sortMembers(members) }, 5_001);
      expect(say(registry.list)).toEqual([]);
      expect(say(registry.list.slice(1)).map(({ kind }) => kind)).toEqual(['learned']);
      // It answers others with the set that it learned.
      expect(machine.receive(peers[3]!, { kind: 'set-request', epoch: 3n, set: unknown }, 5_002)).toMatchObject([
        { kind: 'send', message: { kind: 'set' } },
      ]);
    });
  });

  it('begins an epoch ahead of its own clock only with more than a third of the stake', () => {
    const { machine, peers } = createOne();
    const certificate = certify();
    machine.receive(peers[1]!, { kind: 'certificate', epoch: 1n, certificate }, 10);
    const { value, following: set } = certificate;
    const view = { kind: 'view', epoch: 2n, view: 0, previous: value, set } as const;
    // Validator 2 is the proposer of epoch 2.
    expect(machine.receive(peers[3]!, view, 20)).toEqual([]);
    expect(views(machine.receive(peers[0]!, view, 21))).toEqual([0, 0, 0, 0]);
  });

  it('does not commit to a value without a prepare quorum, nor in a view that has ended', () => {
    const { machine, peers, enter } = createOne();
    const signatures = prepared.prepared.signatures.slice(1);
    const thin = { ...prepared, prepared: { ...prepared.prepared, signatures: signatures.slice(0, 2) } };
    expect(votes(machine.receive(peers[1]!, thin, 1))).toEqual([]);
    enter(2);
    expect(votes(machine.receive(peers[1]!, prepared, 3))).toEqual([]);
  });

  it('sends nothing after a restart in views in which it may have sent messages', () => {
    const { machine, peers, enter } = createOne({
      epoch: 1n,
      view: 0,
      value: prepared.prepared.value,
      next: prepared.prepared.next,
      block: prepared.prepared.block,
      lock: undefined,
    });
    expect(votes(machine.receive(peers[1]!, proposal, 1))).toEqual([]);
    // The next turn of the same proposer.
    enter(4);
    expect(votes(machine.receive(peers[1]!, { ...proposal, view: 4 }, 2))).toEqual(['prepare']);
  });

  describe('that is locked on another value', () => {
    const other = new Uint8Array(32).fill(77);
    const { next, block } = prepared.prepared;
    /** Returns its vote on a proposal of the present set in a later view. */
    const vote = (lock: PreparedValue, isRestart: boolean): string[] => {
      const { machine, peers, enter } = createOne(
        { epoch: 1n, view: 0, value: other, next, block, lock },
        { isRestart },
      );
      enter(4);
      return votes(machine.receive(peers[1]!, { ...proposal, view: 4 }, 2));
    };
    const ofThisSet = { ...prepared.prepared, value: other };
    const ofAnotherSet = { ...ofThisSet, set: other };

    it('releases the lock if the epoch begins again with another set, for which no lock can be proven', () => {
      expect(vote(ofAnotherSet, true)).toEqual(['prepare']);
    });

    it('stays locked if the set is the same, or the epoch did not begin again', () => {
      expect(vote(ofThisSet, true)).toEqual([]);
      expect(vote(ofThisSet, false)).toEqual([]);
      expect(vote(ofAnotherSet, false)).toEqual([]);
    });
  });

  describe('that began an epoch again with the listed validators', () => {
    /** The certificates of the first two epochs of a healthy network. */
    const certified = (): BeaconCertificate[] => {
      const found = new Map<bigint, BeaconCertificate>();
      const net = createBeaconNetwork({
        tamper: (message) => {
          if (message.kind === 'certificate') found.set(message.epoch, message.certificate);
          return message;
        },
      });
      net.runUntil(5_000, 2n);
      return [found.get(1n)!, found.get(2n)!];
    };
    const [first, second] = certified() as [BeaconCertificate, BeaconCertificate];

    const { validators, peers } = createOne();
    const listed = validators.slice(1);

    /** A value of the listed validators, with all their prepare votes. */
    const ofListed = (): PreparedValue => {
      const subject = { epoch: 2n, previous: first.value, set: hashSet(listed) };
      const contributions = listed.map(({ address: validator, vrfKey }) => ({
        validator,
        proof: proveByName(vrfKey, encodeVrfInput(beaconNetwork, { ...subject, validator })),
      }));
      const claim = { ...subject, contributions, validators: listed };
      const value = verifyContributions(namedCrypto, beaconNetwork, claim).value!;
      const statement = { ...subject, view: 0, value, following: subject.set, next: subject.set, block: 0n };
      const digest = hashBeaconVote(namedCrypto, beaconNetwork, 'prepare', statement);
      const signatures = listed.map(({ address: signer }) => ({
        signer,
        signature: createNamedSigner(signer).signDigest(digest),
      }));
      return { ...statement, contributions, signatures };
    };

    /** Returns whether it accepts the certificate, while three of four are listed. */
    const takes = (certificate: BeaconCertificate, { isKnown = true, hasCommitted = false } = {}): boolean => {
      const machine = createBeaconMachine(
        {
          network: beaconNetwork,
          start: { epoch: 1n, value: first.value, certificate: first },
          isRestart: true,
          ...TIMING,
        },
        {
          crypto: namedCrypto,
          self: peers[2]!,
          proveVrf: (input) => proveByName(new Uint8Array(32).fill(3), input),
          reading: () => ({ members: listed, block: 0n }),
          findSet: (set) => (isKnown && equalBytes(set, hashSet(validators)) ? validators : undefined),
          isListed: () => true,
        },
      );
      machine.tick(0);
      if (hasCommitted) {
        const said = { kind: 'prepared', epoch: 2n, view: 0, prepared: ofListed() } as const;
        expect(votes(machine.receive(peers[3]!, said, 1))).toEqual(['commit']);
      }
      const message = { kind: 'certificate', epoch: 2n, certificate } as const;
      return machine.receive(peers[1]!, message, 1).some(({ kind }) => kind === 'certified');
    };

    it('accepts the certificate of the validators that the certificate before names', () => {
      expect(takes(second)).toBe(true);
    });

    it('refuses it once it has committed to a value of the listed validators, which may be certified', () => {
      expect(takes(second, { hasCommitted: true })).toBe(false);
    });

    it('refuses one with too few signatures, with other names, or of an unknown set', () => {
      expect(takes({ ...second, signatures: second.signatures.slice(0, 2) })).toBe(false);
      expect(takes({ ...second, set: new Uint8Array(32).fill(1) })).toBe(false);
      expect(takes(second, { isKnown: false })).toBe(false);
    });
  });

  it('ignores strangers, other chains, views far ahead and invalid proofs', () => {
    const { machine, peers } = createOne();
    expect(machine.receive(new Uint8Array(20).fill(99), proposal, 1)).toEqual([]);
    expect(machine.receive(peers[1]!, { ...proposal, previous: new Uint8Array(32) }, 1)).toEqual([]);
    expect(machine.receive(peers[1]!, { ...proposal, view: 4 * 1000 }, 1)).toEqual([]);
    const [first, ...rest] = proposal.contributions;
    const forged = { validator: first!.validator, proof: rest[0]!.proof };
    expect(machine.receive(peers[1]!, { ...proposal, contributions: [forged, ...rest] }, 1)).toEqual([]);
  });
});
