import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { type BeaconMachine, createBeaconMachine } from '@ogong/protocol/beacon/beacon-machine';
import {
  type BeaconMessage,
  encodeBeaconMessage,
  parseBeaconMessage,
  voteMessage,
} from '@ogong/protocol/beacon/beacon-message';
import type { BeaconAction } from '@ogong/protocol/beacon/beacon-state';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { BeaconArchive } from './beacon-archive.ts';
import type { SetReadings } from './set-readings.ts';
import type { BootstrapGate } from './threshold-driver.ts';

export interface BeaconDriverOptions {
  readonly network: BeaconNetwork;
  readonly epochMs: number;
}

export interface BeaconDriverDependencies {
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  readonly proveVrf: (input: Uint8Array) => Uint8Array;
  readonly clock: Clock;
  readonly archive: BeaconArchive;
  readonly group: GroupCommit;
  readonly sets: SetReadings;
  /** Sends to a validator. The message may be lost: the machine repeats what matters. */
  readonly send: (to: Uint8Array, message: Uint8Array) => Promise<void>;
  readonly onCertified: (epoch: bigint) => void;
  /** Epochs that this beacon makes if the network has a threshold beacon too. Default: all. */
  readonly gate?: BootstrapGate | undefined;
  readonly onUndelivered?: (error: unknown) => void;
  /** Called when the machine stops after a failed write. */
  readonly onError?: (error: unknown) => void;
}

export interface BeaconDriver {
  start(): void;
  stop(): Promise<void>;
  tick(): Promise<void>;
  /** @throws ProtocolError if the message does not parse. */
  receive(from: Uint8Array, message: Uint8Array): Promise<void>;
}

/**
 * Number of epochs without a value after which a validator follows its own reading of the registry: before the first
 * certificate, and after it.
 */
const FIRST_PATIENCE_EPOCHS = 2;
const PATIENCE_EPOCHS = 8;

/** Messages that a validator sends while it has no value of the epoch. */
const SEEKING: ReadonlySet<BeaconMessage['kind']> = new Set([
  ...(['view', 'contribution', 'proposal', 'vote', 'prepared', 'certificate-request'] as const),
]);

/** Feeds the beacon machine with time and messages, and carries out its actions in order. */
export function createBeaconDriver(options: BeaconDriverOptions, dependencies: BeaconDriverDependencies): BeaconDriver {
  const { network, epochMs } = options;
  const { crypto, signer, proveVrf, clock, archive, group, sets, send, onCertified, onError } = dependencies;
  const { gate, onUndelivered = () => {} } = dependencies;
  const domain = { chainId: network.chainId, verifyingContract: network.settlement };
  const tickMs = Math.max(20, Math.min(500, epochMs / 20));
  let machine: BeaconMachine | undefined;
  let reached = { epoch: -1n, atMs: clock.nowMs() };
  let last: Promise<void> = Promise.resolve();

  /**
   * Returns the machine of the present epoch. If it stands still for long and the registry has changed, members are
   * probably gone. Then the epoch begins again with the listed validators. In the first epoch each validator follows
   * its own reading, so different readings are the usual reason.
   */
  function current(): BeaconMachine | undefined {
    const { members } = sets.reading();
    if (members.length === 0) return undefined;
    const nowMs = clock.nowMs();
    const { epoch } = archive.latest();
    // The threshold beacon archives values too. This beacon continues from them when its turn comes again.
    if (machine !== undefined && machine.latest.epoch !== epoch) machine = undefined;
    if (gate !== undefined && !gate.isOpen(epoch + 1n)) return undefined;
    if (epoch !== reached.epoch) reached = { epoch, atMs: nowMs };
    machine ??= createMachine(false);
    const patienceMs = (epoch === 0n ? FIRST_PATIENCE_EPOCHS : PATIENCE_EPOCHS) * epochMs;
    if (nowMs - reached.atMs > patienceMs && !equalBytes(machine.set, hashValidatorSet(crypto, network, members))) {
      reached = { epoch, atMs: nowMs };
      machine = createMachine(true);
    }
    return machine;
  }

  function createMachine(isRestart: boolean): BeaconMachine {
    const timing = {
      epochMs,
      // A proposal costs its receivers one proof check per validator, so the timeout must suit a busy machine.
      viewTimeoutMs: Math.max(2_000, epochMs / 4),
      gatherMs: Math.min(500, epochMs / 20),
      resendMs: Math.max(100, Math.min(2_000, epochMs / 10)),
    };
    const start = { network, start: archive.latest(), vote: archive.vote(), isRestart };
    return createBeaconMachine(
      { ...start, ...timing, startOf: gate?.startOf },
      { crypto, self: signer.address, proveVrf, ...sets },
    );
  }

  /**
   * Runs a step. Actions of different steps never interleave: a vote is on the disk before any later message leaves.
   */
  function run(step: (machine: BeaconMachine) => BeaconAction[], closed = (): void => {}): Promise<void> {
    last = last.then(async () => {
      const present = current();
      if (present === undefined) return closed();
      try {
        for (const action of step(present)) await carryOut(action);
      } catch (error) {
        // This machine is ahead of the disk, so it is dropped. The next one starts from the disk, as after a restart.
        machine = undefined;
        throw error;
      }
    });
    const done = last;
    last = last.catch(() => undefined);
    return done;
  }

  /**
   * Sends the certificate to a peer that still seeks an epoch of this beacon after the threshold beacon took over.
   * Otherwise the validators with the last certificate could be too few to go on.
   */
  function answerLate(from: Uint8Array, { kind, epoch }: BeaconMessage): void {
    if (!SEEKING.has(kind)) return;
    const certificate = archive.findAggregate(epoch);
    if (certificate === undefined) return;
    void send(from, encodeBeaconMessage({ kind: 'certificate', epoch, certificate })).catch(onUndelivered);
  }

  async function carryOut(action: BeaconAction): Promise<void> {
    if (action.kind === 'persist') {
      await group.write((store) => archive.putVote(store, action.vote));
    } else if (action.kind === 'certified') {
      await group.write((store) => archive.putCertificate(store, action.certificate));
      onCertified(action.certificate.epoch);
    } else if (action.kind === 'learned') {
      await group.write((store) => archive.putSet(store, action.set, action.members));
    } else if (action.kind === 'vote') {
      // A vote that cannot be signed is lost like a message: the proposer asks again.
      void vote(action).catch(onUndelivered);
    } else {
      void send(action.to, encodeBeaconMessage(action.message)).catch(onUndelivered);
    }
  }

  async function vote({ to, ...said }: BeaconAction & { readonly kind: 'vote' }): Promise<void> {
    const { phase, statement } = said;
    const message = voteMessage(said, await signer.sign({ kind: 'beacon-vote', domain, phase, statement }));
    if (equalBytes(to, signer.address)) await run((m) => m.receive(to, message, clock.nowMs()));
    else await send(to, encodeBeaconMessage(message));
  }

  const repeating = createRepeating({ intervalMs: tickMs }, () => run((m) => m.tick(clock.nowMs())), onError);

  return {
    start: repeating.start,
    async stop() {
      await repeating.stop();
      await last;
    },
    tick: repeating.trigger,
    receive(from, bytes) {
      const message: BeaconMessage = parseBeaconMessage(bytes);
      return run(
        (m) => m.receive(from, message, clock.nowMs()),
        () => answerLate(from, message),
      );
    },
  };
}
