import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, concatBytes, equalBytes, toHex } from '../base/bytes.ts';
import { createSeededRandom } from '../base/seeded-random.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import type { QuorumMember } from '../crypto/quorum.ts';
import { computeVrfPublicKey, proveVrf, VRF_PROOF_BYTES } from '../crypto/vrf.ts';
import { computeGenesisBeacon, hashBeaconVote, verifyContributions } from './beacon.ts';
import { type BeaconMachine, createBeaconMachine } from './beacon-machine.ts';
import { type BeaconMessage, encodeBeaconMessage, type PreparedValue, parseBeaconMessage } from './beacon-message.ts';
import type { BeaconAction, BeaconPoint, BeaconVote } from './beacon-state.ts';

const network = { chainId: 31337n, settlement: new Uint8Array(20).fill(7) };

// Unforgeable by construction: no test forges, so a signature may simply name its signer and digest, and a proof its key and
// input. The first test below runs on real proofs.
const proveByHash = (key: Uint8Array, input: Uint8Array): Uint8Array =>
  concatBytes(nobleCrypto.sha256(key, input), new Uint8Array(VRF_PROOF_BYTES - 32));
const crypto: Crypto = {
  ...nobleCrypto,
  verifyVrf: (key, input, proof) =>
    equalBytes(proof, proveByHash(key, input)) ? concatBytes(proof.subarray(0, 32), proof.subarray(0, 32)) : undefined,
  recoverAddress: (digest, signature) =>
    equalBytes(signature.subarray(20, 52), digest) ? signature.slice(0, 20) : undefined,
  verifyAddress: (digest, signature, address) => equalBytes(signature.subarray(0, 52), concatBytes(address, digest)),
};
const createSigner = (address: Uint8Array): LedgerSigner => ({
  address,
  signDigest: (digest) => concatBytes(address, digest, new Uint8Array(13)),
});

interface Disk {
  latest: BeaconPoint;
  vote: BeaconVote | undefined;
}
interface Node {
  index: number;
  address: Uint8Array;
  disk: Disk;
  machine: BeaconMachine | undefined;
}
interface Event {
  atMs: number;
  order: number;
  run(): void;
}
type Tamper = (message: BeaconMessage, from: number, to: number) => BeaconMessage | undefined;

const TIMING = { epochMs: 1000, viewTimeoutMs: 400, gatherMs: 60, resendMs: 100 };

/** A network of machines under virtual time; one seed replays everything. */
function createNetwork({
  random = () => 0.5,
  loss = () => 0,
  maxDelayMs = 10,
  tamper = (message) => message,
  size = 4,
  realProofs = false,
}: {
  random?: () => number;
  loss?: (nowMs: number) => number;
  maxDelayMs?: number;
  tamper?: Tamper;
  size?: number;
  realProofs?: boolean;
} = {}) {
  const addresses = Array.from({ length: size }, (_, i) => new Uint8Array(20).fill(i + 1));
  const secrets = addresses.map((_, i) => new Uint8Array(32).fill(i + 1));
  const keys = realProofs ? secrets.map(computeVrfPublicKey) : secrets;
  const prove = realProofs ? proveVrf : proveByHash;
  let proofsChecked = 0;
  const counting: Crypto = {
    ...crypto,
    verifyVrf(...proof) {
      proofsChecked++;
      return (realProofs ? nobleCrypto : crypto).verifyVrf(...proof);
    },
  };
  const validators: QuorumMember[] = addresses
    .map((address, i) => ({
      address,
      stake: 10n,
      certHash: new Uint8Array(32).fill(i),
      vrfKey: keys[i]!,
      endpoint: `v${i}`,
    }))
    .sort((a, b) => compareBytes(a.address, b.address));
  const start: BeaconPoint = { epoch: 0n, value: computeGenesisBeacon(crypto, network) };
  const events: Event[] = [];
  let order = 0;
  let nowMs = 0;
  /** Every certificate that any machine accepted: epoch -> values. */
  const certified = new Map<bigint, Set<string>>();
  const schedule = (delayMs: number, run: () => void): void => {
    events.push({ atMs: nowMs + delayMs, order: order++, run });
  };

  const nodes: Node[] = addresses.map((address, index) => ({
    index,
    address,
    disk: { latest: start, vote: undefined },
    machine: undefined,
  }));

  function boot(node: Node): void {
    node.machine = createBeaconMachine(
      { network, start: node.disk.latest, vote: node.disk.vote, ...TIMING },
      {
        crypto: counting,
        signer: createSigner(node.address),
        proveVrf: (input) => prove(secrets[node.index]!, input),
        validators: () => validators,
      },
    );
  }

  function act(node: Node, actions: readonly BeaconAction[]): void {
    for (const action of actions) {
      if (action.kind === 'persist') node.disk.vote = action.vote;
      else if (action.kind === 'certified') {
        const { epoch, value } = action.certificate;
        certified.set(epoch, (certified.get(epoch) ?? new Set()).add(toHex(value)));
        node.disk.latest = { epoch, value, certificate: action.certificate };
      } else {
        const to = nodes.find(({ address }) => equalBytes(address, action.to))!;
        const message = tamper(action.message, node.index, to.index);
        if (message === undefined || random() < loss(nowMs)) continue;
        const bytes = encodeBeaconMessage(message);
        schedule(1 + random() * maxDelayMs, () => {
          if (to.machine !== undefined) act(to, to.machine.receive(node.address, parseBeaconMessage(bytes), nowMs));
        });
      }
    }
  }

  for (const node of nodes) {
    boot(node);
    const beat = (): void => {
      if (node.machine !== undefined) act(node, node.machine.tick(nowMs));
      schedule(20, beat);
    };
    schedule(random() * 20, beat);
  }

  return {
    nodes,
    certified,
    crash: (index: number) => {
      nodes[index]!.machine = undefined;
    },
    restart: (index: number) => boot(nodes[index]!),
    schedule,
    runUntil(untilMs: number, done: () => boolean = () => false): number {
      while (!done()) {
        let next = 0;
        for (let i = 1; i < events.length; i++) {
          const [a, b] = [events[i]!, events[next]!];
          if (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)) next = i;
        }
        if (events[next]!.atMs > untilMs) return untilMs;
        const [event] = events.splice(next, 1);
        nowMs = event!.atMs;
        event!.run();
      }
      return nowMs;
    },
    proofsChecked: () => proofsChecked,
    latestEpochs: () => nodes.filter(({ machine }) => machine).map(({ machine }) => machine!.latest.epoch),
  };
}

const reached =
  (net: ReturnType<typeof createNetwork>, epoch: bigint): (() => boolean) =>
  () =>
    net.latestEpochs().every((latest) => latest >= epoch);
const agreed = (net: ReturnType<typeof createNetwork>): boolean =>
  [...net.certified.values()].every((values) => values.size === 1);

describe('beacon agreement', () => {
  it('certifies an epoch in one view when all is well, with everybody in it', () => {
    const net = createNetwork({ realProofs: true });
    expect(net.runUntil(5000, reached(net, 3n))).toBeLessThan(2200);
    expect(agreed(net)).toBe(true);
    for (const { disk } of net.nodes) {
      expect(disk.latest.certificate).toMatchObject({ view: 0 });
      expect(disk.latest.certificate!.contributions).toHaveLength(4);
    }
  });

  it('checks each proof once in each machine, its proposer included', () => {
    const net = createNetwork();
    net.runUntil(900, reached(net, 1n));
    expect(net.latestEpochs()).toEqual([1n, 1n, 1n, 1n]);
    expect(net.proofsChecked()).toBe(4 * 4);
  });

  it('leaves out a contribution whose proof does not hold, in the same view', () => {
    const net = createNetwork({
      tamper: (message, from) =>
        message.kind === 'contribution' && from === 3
          ? { ...message, proof: new Uint8Array(VRF_PROOF_BYTES) }
          : message,
    });
    net.runUntil(5000, reached(net, 1n));
    const { certificate } = net.nodes[0]!.disk.latest;
    expect(certificate).toMatchObject({ epoch: 1n, view: 0 });
    expect(certificate!.contributions.map(({ validator }) => validator[0])).toEqual([1, 2, 3]);
  });

  it('stays live with any one of four down', () => {
    for (const down of [0, 1, 2, 3]) {
      const net = createNetwork();
      net.crash(down);
      net.runUntil(20_000, reached(net, 2n));
      expect(net.latestEpochs().every((epoch) => epoch >= 2n)).toBe(true);
      expect(agreed(net)).toBe(true);
    }
  });

  it('certifies nothing with two of four down, and goes on once one is back', () => {
    const net = createNetwork();
    net.crash(0);
    net.crash(2);
    net.runUntil(30_000);
    expect(net.certified.size).toBe(0);
    net.restart(2);
    net.runUntil(60_000, reached(net, 1n));
    expect(net.latestEpochs().every((epoch) => epoch >= 1n)).toBe(true);
  });

  it('brings a validator that slept through epochs back', () => {
    const net = createNetwork();
    net.crash(3);
    net.runUntil(30_000, reached(net, 3n));
    net.restart(3);
    net.runUntil(60_000, reached(net, 5n));
    expect(net.latestEpochs().every((epoch) => epoch >= 5n)).toBe(true);
    expect(agreed(net)).toBe(true);
  });

  it('agrees under loss and reordering, and is live once the network is', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 0.5, noNaN: true }), (seed, rate) => {
        const net = createNetwork({
          random: createSeededRandom(seed),
          loss: (now) => (now < 6000 ? rate : 0),
          maxDelayMs: 150,
        });
        net.runUntil(40_000, reached(net, 4n));
        expect(agreed(net)).toBe(true);
        expect(net.latestEpochs().every((epoch) => epoch >= 4n)).toBe(true);
      }),
      { numRuns: 12, seed: 20 },
    );
  });

  it('agrees when validators crash anywhere and restart from what they persisted', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = createSeededRandom(seed);
        const net = createNetwork({ random, loss: () => 0.1, maxDelayMs: 60 });
        for (let i = 0; i < 12; i++) {
          const [index, atMs] = [Math.floor(random() * 4), random() * 6000];
          net.schedule(atMs, () => net.crash(index));
          net.schedule(atMs + 100 + random() * 300, () => net.restart(index));
        }
        net.runUntil(40_000, reached(net, 4n));
        expect(agreed(net)).toBe(true);
        expect(net.latestEpochs().every((epoch) => epoch >= 4n)).toBe(true);
      }),
      { numRuns: 8, seed: 21 },
    );
  });

  it('is safe and live with a proposer that equivocates, hides what is prepared and withholds certificates', () => {
    let lies = 0;
    fc.assert(
      fc.property(fc.integer(), fc.nat(3), (seed, liar) => {
        const random = createSeededRandom(seed);
        const tamper: Tamper = (message, from) => {
          if (from !== liar) return message;
          if (message.kind === 'certificate') return undefined;
          if (message.kind === 'prepared') return random() < 0.6 ? undefined : message;
          if (message.kind === 'proposal' && message.justify === undefined && message.contributions.length === 4) {
            const dropped = Math.floor(random() * 4);
            lies++;
            return { ...message, contributions: message.contributions.filter((_, i) => i !== dropped) };
          }
          return message;
        };
        const net = createNetwork({ random, tamper, loss: () => 0.05, maxDelayMs: 40 });
        net.runUntil(60_000, reached(net, 4n));
        expect(agreed(net)).toBe(true);
        expect(net.latestEpochs().every((epoch) => epoch >= 4n)).toBe(true);
      }),
      { numRuns: 12, seed: 22 },
    );
    expect(lies).toBeGreaterThan(12);
  });
});

describe('one validator', () => {
  /** The machine of validator 2 (proposer of epoch 1, view 0 is validator 1), fed by hand. */
  function createOne(vote?: BeaconVote) {
    const net = createNetwork();
    const peers = net.nodes.map(({ address }) => address);
    const validators: QuorumMember[] = peers.map((address, i) => ({
      address,
      stake: 10n,
      certHash: new Uint8Array(32),
      vrfKey: new Uint8Array(32).fill(i + 1),
      endpoint: '',
    }));
    const machine = createBeaconMachine(
      { network, start: { epoch: 0n, value: computeGenesisBeacon(crypto, network) }, vote, ...TIMING },
      {
        crypto,
        signer: createSigner(peers[2]!),
        proveVrf: (input) => proveByHash(new Uint8Array(32).fill(3), input),
        validators: () => validators,
      },
    );
    machine.tick(0);
    return { machine, peers, validators };
  }

  /** Everything that the proposer of view 0 said to validator 2 in a healthy network, in order. */
  function record(): BeaconMessage[] {
    const said: BeaconMessage[] = [];
    const net = createNetwork({
      tamper: (message, from, to) => {
        if (from === 1 && to === 2) said.push(message);
        return message;
      },
    });
    net.runUntil(900, reached(net, 1n));
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
    const { value } = verifyContributions(crypto, network, { epoch: 1n, previous, contributions, validators });
    const statement = { epoch: 1n, view, previous, value: value! };
    const digest = hashBeaconVote(crypto, network, 'prepare', statement);
    const signatures = peers
      .slice(0, signers)
      .map((address) => ({ signer: address, signature: createSigner(address).signDigest(digest) }));
    return { ...statement, contributions, signatures };
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
      const { machine, peers } = createOne();
      const locked = prove(view, proposal.contributions);
      const proposer = peers[(1 + view) % 4]!;
      expect(votes(machine.receive(proposer, { kind: 'prepared', epoch: 1n, view, prepared: locked }, 1))).toEqual([
        'commit',
      ]);
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
    const { machine, peers } = createOne();
    expect(votes(machine.receive(peers[1]!, prepared, 1))).toEqual(['commit']);
    const again = { ...proposal, view: 3, justify: prepared.prepared };
    expect(votes(machine.receive(peers[0]!, again, 2))).toEqual(['prepare']);
  });

  it('does not commit to what no quorum prepared, nor in a view that is over', () => {
    const { machine, peers } = createOne();
    const signatures = prepared.prepared.signatures.slice(1);
    const thin = { ...prepared, prepared: { ...prepared.prepared, signatures: signatures.slice(0, 2) } };
    expect(votes(machine.receive(peers[1]!, thin, 1))).toEqual([]);
    machine.receive(peers[2 + 1]!, { ...find('proposal'), view: 2 }, 2);
    expect(votes(machine.receive(peers[1]!, prepared, 3))).toEqual([]);
  });

  it('after a restart says nothing in views in which it may have spoken', () => {
    const { machine, peers } = createOne({ epoch: 1n, view: 0, value: prepared.prepared.value, lock: undefined });
    expect(votes(machine.receive(peers[1]!, proposal, 1))).toEqual([]);
    // The next turn of the same proposer.
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
