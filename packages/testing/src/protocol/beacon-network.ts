import { compareBytes, concatBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type BeaconNetwork, computeGenesisBeacon, hashBeaconVote } from '@ogong/protocol/beacon/beacon';
import { type BeaconMachine, createBeaconMachine } from '@ogong/protocol/beacon/beacon-machine';
import {
  type BeaconMessage,
  encodeBeaconMessage,
  parseBeaconMessage,
  voteMessage,
} from '@ogong/protocol/beacon/beacon-message';
import type { BeaconAction, BeaconPoint, BeaconVote, SetReading } from '@ogong/protocol/beacon/beacon-state';
import { hashValidatorSet, type SetMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeVrfPublicKey, proveVrf, VRF_PROOF_BYTES } from '@ogong/protocol/crypto/vrf';

export const beaconNetwork: BeaconNetwork = { chainId: 31337n, settlement: new Uint8Array(20).fill(7) };

export const hashSet = (members: readonly SetMember[]): Uint8Array =>
  hashValidatorSet(nobleCrypto, beaconNetwork, members);

/** A proof that names its key and input; its output is that name, twice. */
export const proveByName = (key: Uint8Array, input: Uint8Array): Uint8Array =>
  concatBytes(nobleCrypto.sha256(key, input), new Uint8Array(VRF_PROOF_BYTES - 32));

/**
 * Crypto whose signatures name signer and digest, and whose proofs name key and input. It is fast, and unforgeable as
 * long as no liar uses another's signer or key.
 */
export const namedCrypto: Crypto = {
  ...nobleCrypto,
  verifyVrf: (key, input, proof) =>
    equalBytes(proof, proveByName(key, input)) ? concatBytes(proof.subarray(0, 32), proof.subarray(0, 32)) : undefined,
  recoverAddress: (digest, signature) =>
    equalBytes(signature.subarray(20, 52), digest) ? signature.slice(0, 20) : undefined,
  verifyAddress: (digest, signature, address) => equalBytes(signature.subarray(0, 52), concatBytes(address, digest)),
};

export const createNamedSigner = (address: Uint8Array): LedgerSigner => ({
  address,
  signDigest: (digest) => concatBytes(address, digest, new Uint8Array(13)),
});

/** One end of the beacon's messages: an honest machine, or a liar in its place. */
export interface BeaconParty {
  tick(nowMs: number): BeaconAction[];
  receive(from: Uint8Array, message: BeaconMessage, nowMs: number): BeaconAction[];
}

/** The keys and state of a validator, which a liar uses freely. */
export interface BeaconKeys {
  readonly index: number;
  readonly signer: LedgerSigner;
  proveVrf(input: Uint8Array): Uint8Array;
  readonly validators: readonly QuorumMember[];
  random(): number;
  /** The members that the registry listed at this validator's last reading. */
  reading(): readonly SetMember[];
  /** Starts an honest machine in this place from its own reading, optionally with another VRF key. */
  follow(proveVrf?: (input: Uint8Array) => Uint8Array): BeaconParty;
}

export interface BeaconTiming {
  readonly epochMs: number;
  readonly viewTimeoutMs: number;
  readonly gatherMs: number;
  readonly resendMs: number;
}

const TIMING: BeaconTiming = { epochMs: 1000, viewTimeoutMs: 400, gatherMs: 60, resendMs: 100 };

export interface BeaconNetworkOptions {
  readonly random?: () => number;
  /** Share of messages that are lost at a time. */
  readonly loss?: (nowMs: number) => number;
  readonly maxDelayMs?: number;
  /** Changes a message on its way, or drops it. */
  readonly tamper?: (message: BeaconMessage, from: number, to: number) => BeaconMessage | undefined;
  readonly size?: number;
  readonly timing?: BeaconTiming;
  /** Pause between two looks at the clock by each validator. */
  readonly beatMs?: number;
  /** Whether proofs of the random function are real. */
  readonly realProofs?: boolean;
  /** Returns the members that the registry lists at a time. Default: all of them, always. */
  readonly registry?: (all: readonly QuorumMember[], nowMs: number) => readonly SetMember[];
  /** Pause between two readings of the registry, each validator at its own moments. Default: none. */
  readonly registryMs?: number;
  /** Parties that replace honest machines, by index. */
  readonly liars?: Readonly<Record<number, (keys: BeaconKeys) => BeaconParty>>;
}

interface Node {
  readonly index: number;
  readonly address: Uint8Array;
  /** State that survives a crash. */
  disk: { latest: BeaconPoint; vote: BeaconVote | undefined };
  /** Absent while it is down. */
  party: BeaconParty | undefined;
  /** The registry as this validator read it last. A block is a millisecond. */
  reading: SetReading;
  /** Survives crashes. */
  readonly sets: Map<string, readonly SetMember[]>;
  /** The newest epoch, and the time at which it was reached. */
  reached: { epoch: bigint; atMs: number };
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  run(): void;
}

/** Validators under virtual time. One seed replays everything. */
export function createBeaconNetwork(options: BeaconNetworkOptions = {}) {
  const { random = () => 0.5, loss = () => 0, maxDelayMs = 10, size = 4, timing = TIMING, beatMs = 20 } = options;
  const { tamper = (message) => message, liars = {}, realProofs = false } = options;
  const { registry = (all: readonly QuorumMember[]) => all, registryMs = 0 } = options;
  const addresses = Array.from({ length: size }, (_, i) => new Uint8Array(20).fill(i + 1));
  const secrets = addresses.map((_, i) => new Uint8Array(32).fill(i + 1));
  const prove = realProofs ? proveVrf : proveByName;
  let proofsChecked = 0;
  const crypto: Crypto = {
    ...namedCrypto,
    verifyVrf(...proof) {
      proofsChecked++;
      return (realProofs ? nobleCrypto : namedCrypto).verifyVrf(...proof);
    },
  };
  const validators: QuorumMember[] = addresses
    .map((address, i) => ({
      address,
      signingKey: address,
      stake: 10n,
      certHash: new Uint8Array(32).fill(i),
      vrfKey: realProofs ? computeVrfPublicKey(secrets[i] as Uint8Array) : (secrets[i] as Uint8Array),
      endpoint: `v${i}`,
    }))
    .sort((a, b) => compareBytes(a.address, b.address));
  const genesis: BeaconPoint = { epoch: 0n, value: computeGenesisBeacon(namedCrypto, beaconNetwork) };
  const events: Event[] = [];
  /** Every value that an honest machine accepted as certified, by epoch. */
  const certified = new Map<bigint, Set<string>>();
  let order = 0;
  let nowMs = 0;
  const schedule = (delayMs: number, run: () => void): void => {
    events.push({ atMs: nowMs + delayMs, order: order++, run });
  };
  const nodes: Node[] = addresses.map((address, index) => ({
    index,
    address,
    disk: { latest: genesis, vote: undefined },
    party: undefined,
    reading: { members: registry(validators, 0), block: 0n },
    sets: new Map(),
    reached: { epoch: -1n, atMs: 0 },
  }));

  /** The sets that a validator knows: its own readings, received ones, and any block of the chain. */
  function setsOf(node: Node) {
    const key = (set: Uint8Array): string => toHex(set);
    const note = (): void => void node.sets.set(key(hashSet(node.reading.members)), node.reading.members);
    return {
      reading: () => {
        note();
        return node.reading;
      },
      findSet: (set: Uint8Array) => {
        note();
        return node.sets.get(key(set));
      },
      isListed: (set: Uint8Array, block: bigint) =>
        block > BigInt(Math.floor(nowMs)) ? undefined : equalBytes(set, hashSet(registry(validators, Number(block)))),
    };
  }

  function boot(node: Node, isRestart = false): void {
    const signer = createNamedSigner(node.address);
    const proveOwn = (input: Uint8Array): Uint8Array => prove(secrets[node.index] as Uint8Array, input);
    const liar = liars[node.index];
    const start = (proveVrf: typeof proveOwn, isRestart: boolean): BeaconMachine =>
      createBeaconMachine(
        { network: beaconNetwork, start: node.disk.latest, vote: node.disk.vote, isRestart, ...timing },
        { crypto, self: node.address, proveVrf, ...setsOf(node) },
      );
    node.party =
      liar?.({
        ...{ index: node.index, signer, proveVrf: proveOwn, validators, random },
        reading: () => node.reading.members,
        follow: (prove = proveOwn) => start(prove, true),
      }) ?? start(proveOwn, isRestart);
  }

  function act(node: Node, actions: readonly BeaconAction[]): void {
    for (const action of actions) {
      if (action.kind === 'persist') node.disk.vote = action.vote;
      else if (action.kind === 'certified') {
        const { epoch, value } = action.certificate;
        certified.set(epoch, (certified.get(epoch) ?? new Set()).add(toHex(value)));
        node.disk.latest = { epoch, value, certificate: action.certificate };
      } else if (action.kind === 'learned') node.sets.set(toHex(action.set), action.members);
      else if (action.kind === 'vote') castVote(node, action);
      else deliver(node, action.to, action.message);
    }
  }

  /** As in the driver. Here a signature takes no time. */
  function castVote(node: Node, { to, phase, statement }: BeaconAction & { readonly kind: 'vote' }): void {
    const digest = hashBeaconVote(namedCrypto, beaconNetwork, phase, statement);
    const message = voteMessage({ phase, statement }, createNamedSigner(node.address).signDigest(digest));
    if (!equalBytes(to, node.address)) deliver(node, to, message);
    else if (node.party !== undefined) act(node, node.party.receive(node.address, message, nowMs));
  }

  function deliver(node: Node, address: Uint8Array, said: BeaconMessage): void {
    const to = nodes.find((one) => equalBytes(one.address, address));
    const message = to && tamper(said, node.index, to.index);
    if (to === undefined || message === undefined || random() < loss(nowMs)) return;
    const bytes = encodeBeaconMessage(message);
    schedule(1 + random() * maxDelayMs, () => {
      if (to.party !== undefined) act(to, to.party.receive(node.address, parseBeaconMessage(bytes), nowMs));
    });
  }

  /** As in the driver: begins the epoch again from its own reading if nothing has moved for long. */
  function restartStuck(node: Node): void {
    const { epoch } = node.disk.latest;
    if (epoch !== node.reached.epoch) node.reached = { epoch, atMs: nowMs };
    const patience = (epoch === 0n ? 2 : 8) * timing.epochMs;
    if (node.party === undefined || liars[node.index] !== undefined || nowMs - node.reached.atMs <= patience) return;
    if (equalBytes((node.party as BeaconMachine).set, hashSet(node.reading.members))) return;
    node.reached = { epoch, atMs: nowMs };
    boot(node, true);
  }

  for (const node of nodes) {
    boot(node);
    const read = (): void => {
      const block = BigInt(Math.floor(nowMs));
      node.reading = { members: registry(validators, Number(block)), block };
      schedule(registryMs, read);
    };
    if (registryMs > 0) schedule(random() * registryMs, read);
    const beat = (): void => {
      restartStuck(node);
      if (node.party !== undefined) act(node, node.party.tick(nowMs));
      schedule(beatMs, beat);
    };
    schedule(random() * beatMs, beat);
  }

  const latestEpochs = (): bigint[] =>
    nodes.filter(({ index, party }) => party && liars[index] === undefined).map(({ disk }) => disk.latest.epoch);
  const isReached = (epoch: bigint): boolean => latestEpochs().every((latest) => latest >= epoch);

  return {
    nodes,
    certified,
    schedule,
    latestEpochs,
    isReached,
    proofsChecked: () => proofsChecked,
    crash(index: number): void {
      (nodes[index] as Node).party = undefined;
    },
    restart: (index: number): void => boot(nodes[index] as Node),
    /** From this moment a validator knows no set but the registry's, as after a loss of its disk. */
    forgetSets: (index: number): void => (nodes[index] as Node).sets.clear(),
    /** Whether no epoch has two values. */
    isAgreed: (): boolean => [...certified.values()].every((values) => values.size === 1),
    /** Advances until all honest validators have an epoch, or to a moment. @returns the time then. */
    runUntil(untilMs: number, epoch?: bigint): number {
      while (epoch === undefined || !isReached(epoch)) {
        let next = 0;
        for (let i = 1; i < events.length; i++) {
          const [a, b] = [events[i] as Event, events[next] as Event];
          if (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)) next = i;
        }
        if ((events[next] as Event).atMs > untilMs) return untilMs;
        const [event] = events.splice(next, 1) as [Event];
        nowMs = event.atMs;
        event.run();
      }
      return nowMs;
    },
  };
}
