import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { type BeaconMachine, createBeaconMachine } from '@ogong/protocol/beacon/beacon-machine';
import { type BeaconMessage, encodeBeaconMessage, parseBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import type { BeaconAction } from '@ogong/protocol/beacon/beacon-state';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { BeaconArchive } from './beacon-archive.ts';

export interface BeaconDriverOptions {
  readonly network: BeaconNetwork;
  readonly epochMs: number;
}

export interface BeaconDriverDependencies {
  readonly crypto: Crypto;
  readonly signer: LedgerSigner;
  readonly proveVrf: (input: Uint8Array) => Uint8Array;
  readonly clock: Clock;
  readonly archive: BeaconArchive;
  readonly group: GroupCommit;
  readonly validators: () => readonly QuorumMember[];
  /** Sends to a validator. The message may be lost: the machine repeats what matters. */
  readonly send: (to: Uint8Array, message: Uint8Array) => Promise<void>;
  readonly onCertified: (epoch: bigint) => void;
  readonly onUndelivered?: (error: unknown) => void;
  /** Called when the machine stops because something could not be written. */
  readonly onError?: (error: unknown) => void;
}

export interface BeaconDriver {
  start(): void;
  stop(): Promise<void>;
  tick(): Promise<void>;
  /** @throws ProtocolError where the message does not parse. */
  receive(from: Uint8Array, message: Uint8Array): Promise<void>;
}

/** Feeds the beacon machine with time and messages, and carries out what it decides, in order. */
export function createBeaconDriver(options: BeaconDriverOptions, dependencies: BeaconDriverDependencies): BeaconDriver {
  const { network, epochMs } = options;
  const { clock, archive, group, validators, send, onCertified, onUndelivered = () => {}, onError } = dependencies;
  const tickMs = Math.max(20, Math.min(500, epochMs / 20));
  let machine: BeaconMachine | undefined;
  let reached = { epoch: -1n, atMs: clock.nowMs(), members: '' };
  let last: Promise<void> = Promise.resolve();

  /** The machine reads its validators once per epoch. If they change while it makes no progress, it restarts the epoch. */
  function current(): BeaconMachine | undefined {
    const list = validators();
    if (list.length === 0) return undefined;
    const members = list.map(({ address, stake, vrfKey }) => `${toHex(address)} ${stake} ${toHex(vrfKey)}`).join();
    const nowMs = clock.nowMs();
    const { epoch } = archive.latest();
    if (epoch !== reached.epoch) reached = { epoch, atMs: nowMs, members };
    const isStuck = members !== reached.members && nowMs - reached.atMs > 2 * epochMs;
    if (machine === undefined || isStuck) {
      reached = { epoch, atMs: nowMs, members };
      machine = createMachine();
    }
    return machine;
  }

  function createMachine(): BeaconMachine {
    const timing = {
      epochMs,
      // A proposal costs its receivers one proof check per validator, so the timeout must be long enough for a busy machine.
      viewTimeoutMs: Math.max(2_000, epochMs / 4),
      gatherMs: Math.min(500, epochMs / 20),
      resendMs: Math.max(100, Math.min(2_000, epochMs / 10)),
    };
    const start = { network, start: archive.latest(), vote: archive.vote() };
    return createBeaconMachine({ ...start, ...timing }, { ...dependencies, validators });
  }

  /** Actions of different steps never interleave: a vote is on the disk before anything that follows it goes out. */
  function run(step: (machine: BeaconMachine) => BeaconAction[]): Promise<void> {
    last = last.then(async () => {
      const present = current();
      if (present === undefined) return;
      try {
        for (const action of step(present)) await carryOut(action);
      } catch (error) {
        // This machine is ahead of the disk. Drop it: the next one starts from the disk, as after a restart.
        machine = undefined;
        throw error;
      }
    });
    const done = last;
    last = last.catch(() => undefined);
    return done;
  }

  async function carryOut(action: BeaconAction): Promise<void> {
    if (action.kind === 'persist') {
      await group.write((store) => archive.putVote(store, action.vote));
    } else if (action.kind === 'certified') {
      await group.write((store) => archive.putCertificate(store, action.certificate));
      onCertified(action.certificate.epoch);
    } else {
      void send(action.to, encodeBeaconMessage(action.message)).catch(onUndelivered);
    }
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
      return run((m) => m.receive(from, message, clock.nowMs()));
    },
  };
}
