import {
  beaconNetwork,
  createBeaconNetwork,
  createNamedSigner,
  namedCrypto,
  proveByName,
} from '@ogong/testing/protocol/beacon-network';
import { describe, expect, it } from 'vitest';
import type { QuorumMember } from '../crypto/quorum.ts';
import { computeGenesisBeacon, hashBeaconVote, verifyContributions } from './beacon.ts';
import { createBeaconMachine } from './beacon-machine.ts';
import type { BeaconMessage, PreparedValue } from './beacon-message.ts';
import type { BeaconAction, BeaconVote } from './beacon-state.ts';

const TIMING = { epochMs: 1000, viewTimeoutMs: 400, gatherMs: 60, resendMs: 100 };

describe('one validator', () => {
  /** The machine of validator 2 (proposer of epoch 1, view 0 is validator 1), fed by hand. */
  function createOne(vote?: BeaconVote) {
    const net = createBeaconNetwork();
    const peers = net.nodes.map(({ address }) => address);
    const validators: QuorumMember[] = peers.map((address, i) => ({
      address,
      stake: 10n,
      certHash: new Uint8Array(32),
      vrfKey: new Uint8Array(32).fill(i + 1),
      endpoint: '',
    }));
    const machine = createBeaconMachine(
      {
        network: beaconNetwork,
        start: { epoch: 0n, value: computeGenesisBeacon(namedCrypto, beaconNetwork) },
        vote,
        ...TIMING,
      },
      {
        crypto: namedCrypto,
        signer: createNamedSigner(peers[2]!),
        proveVrf: (input) => proveByName(new Uint8Array(32).fill(3), input),
        validators: () => validators,
      },
    );
    machine.tick(0);
    const previous = computeGenesisBeacon(namedCrypto, beaconNetwork);
    const say = (from: number, view: number): BeaconAction[] =>
      machine.receive(peers[from]!, { kind: 'view', epoch: 1n, view, previous }, 1);
    return {
      machine,
      peers,
      validators,
      say,
      /** Half of the stake says that it is in a later view. */
      enter: (view: number): BeaconAction[] => [...say(0, view), ...say(3, view)],
    };
  }

  /** Everything that the proposer of view 0 said to validator 2 in a healthy network, in order. */
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
    actions.flatMap((action) =>
      action.kind === 'send' && action.message.kind === 'vote' ? [action.message.phase] : [],
    );
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
      contributions,
      validators,
    });
    const statement = { epoch: 1n, view, previous, value: value! };
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
    expect(actions.map(({ kind }) => kind)).toEqual(['persist', 'send']);
    expect(votes(actions)).toEqual(['prepare']);
  });

  it("prepares one value per view, from that view's proposer only", () => {
    const { machine, peers } = createOne();
    expect(votes(machine.receive(peers[3]!, proposal, 1))).toEqual([]);
    expect(votes(machine.receive(peers[1]!, proposal, 1))).toEqual(['prepare']);
    expect(votes(machine.receive(peers[1]!, other, 2))).toEqual([]);
    expect(votes(machine.receive(peers[1]!, proposal, 3))).toEqual(['prepare']);
  });

  it('stays locked on what it committed to, until another value is proven prepared since', () => {
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
    // Proofs that prove nothing: too few votes, votes of another view, another value, a view that is not over.
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

  it("leaves a view on no single word, its proposer's included, but with more than a third of the stake", () => {
    const { machine, peers, say } = createOne();
    // Validator 2 is the proposer of view 1, validator 3 of view 2.
    for (const kind of ['proposal', 'prepared'] as const)
      expect(machine.receive(peers[3]!, { ...find(kind), view: 2 }, 1)).toEqual([]);
    expect(say(3, 2)).toEqual([]);
    expect(say(3, 0xffff_ffff)).toEqual([]);
    // The liar's highest claim counts for every view below it, and two of four name view 1.
    // Everybody is told, and the one that spoke is asked as well.
    expect(views(say(0, 1))).toEqual([1, 1, 1, 1]);
  });

  it('leaves a view after its time, longer in each, and tells everybody', () => {
    const { machine } = createOne();
    expect(views(machine.tick(TIMING.viewTimeoutMs - 1))).toEqual([]);
    expect(views(machine.tick(TIMING.viewTimeoutMs))).toEqual([1, 1, 1]);
    const repeated = machine.tick(2 * TIMING.viewTimeoutMs);
    expect(views(repeated).every((view) => view === 1)).toBe(true);
    expect(views(machine.tick(3 * TIMING.viewTimeoutMs))).toEqual([2, 2, 2]);
  });

  it('counts whoever is new an epoch after it was listed, and under a new key as new', () => {
    const { peers, validators } = createOne();
    const [stranger, grinder] = [new Uint8Array(20).fill(9), peers[0]!];
    const registry = { list: validators as readonly QuorumMember[] };
    const machine = createBeaconMachine(
      { network: beaconNetwork, start: { epoch: 0n, value: previous }, ...TIMING },
      {
        crypto: namedCrypto,
        signer: createNamedSigner(peers[2]!),
        proveVrf: (input) => proveByName(new Uint8Array(32).fill(3), input),
        validators: () => registry.list,
      },
    );
    machine.tick(0);
    const another = (address: Uint8Array, key: number): QuorumMember => ({
      ...validators[0]!,
      address,
      vrfKey: new Uint8Array(32).fill(key),
    });
    registry.list = [another(grinder, 77), ...validators.slice(1), another(stranger, 9)];
    const certificate = certify();
    machine.receive(peers[1]!, { kind: 'certificate', epoch: 1n, certificate }, 10);
    // Whoever takes part is answered; a message of an older epoch is answered by the newest certificate.
    const isHeard = (address: Uint8Array): boolean =>
      machine.receive(address, { kind: 'certificate-request', epoch: 1n }, 20).length > 0;
    expect(isHeard(peers[1]!)).toBe(true);
    expect([grinder, stranger].map(isHeard)).toEqual([false, false]);
  });

  it('begins an epoch before its own clock says so only with more than a third of the stake', () => {
    const { machine, peers } = createOne();
    const certificate = certify();
    machine.receive(peers[1]!, { kind: 'certificate', epoch: 1n, certificate }, 10);
    const view = { kind: 'view', epoch: 2n, view: 0, previous: certificate.value } as const;
    // Validator 2 is the proposer of epoch 2.
    expect(machine.receive(peers[3]!, view, 20)).toEqual([]);
    expect(views(machine.receive(peers[0]!, view, 21))).toEqual([0, 0, 0, 0]);
  });

  it('does not commit to what no quorum prepared, nor in a view that is over', () => {
    const { machine, peers, enter } = createOne();
    const signatures = prepared.prepared.signatures.slice(1);
    const thin = { ...prepared, prepared: { ...prepared.prepared, signatures: signatures.slice(0, 2) } };
    expect(votes(machine.receive(peers[1]!, thin, 1))).toEqual([]);
    enter(2);
    expect(votes(machine.receive(peers[1]!, prepared, 3))).toEqual([]);
  });

  it('after a restart says nothing in views in which it may have spoken', () => {
    const { machine, peers, enter } = createOne({
      epoch: 1n,
      view: 0,
      value: prepared.prepared.value,
      lock: undefined,
    });
    expect(votes(machine.receive(peers[1]!, proposal, 1))).toEqual([]);
    // The next turn of the same proposer.
    enter(4);
    expect(votes(machine.receive(peers[1]!, { ...proposal, view: 4 }, 2))).toEqual(['prepare']);
  });

  it('ignores strangers, other chains, views far ahead and proofs of nobody', () => {
    const { machine, peers } = createOne();
    expect(machine.receive(new Uint8Array(20).fill(99), proposal, 1)).toEqual([]);
    expect(machine.receive(peers[1]!, { ...proposal, previous: new Uint8Array(32) }, 1)).toEqual([]);
    expect(machine.receive(peers[1]!, { ...proposal, view: 4 * 1000 }, 1)).toEqual([]);
    const [first, ...rest] = proposal.contributions;
    const forged = { validator: first!.validator, proof: rest[0]!.proof };
    expect(machine.receive(peers[1]!, { ...proposal, contributions: [forged, ...rest] }, 1)).toEqual([]);
  });
});
