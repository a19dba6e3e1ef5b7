import { createRepeating } from '@ogong/host/time/repeat';
import { toGenerations } from '@ogong/host/views/beacon-generations';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { findGeneration } from '@ogong/protocol/beacon/epoch-certificate';
import { epochAt, epochMessageFormat } from '@ogong/protocol/beacon/threshold/epoch-machine';
import { eraMessageFormat } from '@ogong/protocol/beacon/threshold/era-message';
import { keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { createEpochDriver } from './epoch-driver.ts';
import { createEraExchange } from './era-exchange.ts';
import { createKeyDriver } from './key-driver.ts';
import {
  countLacking,
  isSettled,
  newestEra,
  scheduleOf,
  startOf,
  type ThresholdDependencies,
  type ThresholdState,
} from './threshold-state.ts';

/** Tells which epochs the bootstrap beacon makes, and when they begin. */
export interface BootstrapGate {
  isOpen(epoch: bigint): boolean;
  startOf(epoch: bigint): number;
}

export interface ThresholdDriver {
  readonly gate: BootstrapGate;
  start(): void;
  stop(): Promise<void>;
  tick(): Promise<void>;
  /** Tells whether a message belongs to the threshold beacon. */
  isForIt(message: Uint8Array): boolean;
  /** @throws ProtocolError if the message */
  receive(from: Uint8Array, message: Uint8Array): Promise<void>;
}

const TAGS = {
  epoch: encodeDomain('ogong-beacon-epoch-message-v1'),
  key: encodeDomain('ogong-beacon-key-message-v1'),
  era: encodeDomain('ogong-beacon-era-message-v1'),
};
const TICK_MS = 100;
/** Pause between readings before the first one, when the period is unknown. */
const READ_MS = 1_000;

const hasTag = (message: Uint8Array, tag: Uint8Array): boolean => tag.every((byte, i) => message[i] === byte);

/** Runs a validator's part in the threshold beacon: keys, epochs and missing knowledge. */
export function createThresholdDriver(dependencies: ThresholdDependencies): ThresholdDriver {
  const { clock, archive, eras, group, onLacking, onError = () => {} } = dependencies;
  const state: ThresholdState = { ...dependencies, known: new Map(), boxKeys: new Map() };
  const keys = createKeyDriver(state);
  const epochs = createEpochDriver(state);
  const exchange = createEraExchange(state);
  /** Time of the last reading of the chain. */
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let droppedBefore = 0;
  /** The last report of lacking shares. */
  let told = '';
  let last: Promise<void> = Promise.resolve();

  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  /** Reads the chain once in an epoch, so that no activation and no end of a key is missed. */
  async function read(nowMs: number): Promise<void> {
    const reading = state.beaconKeys();
    const everyMs = reading === undefined ? READ_MS : scheduleOf(reading).periodMs / 2;
    if (nowMs - askedAtMs < everyMs) return;
    askedAtMs = nowMs;
    await state.readBeaconKeys();
  }

  /** Deletes the data of former eras one epoch after the next era signs. */
  async function forget(nowMs: number): Promise<void> {
    const reading = state.beaconKeys();
    const newest = reading && newestEra(reading);
    if (reading === undefined || newest === undefined || droppedBefore >= newest.era) return;
    if (epochAt(scheduleOf(reading), nowMs) <= newest.firstEpoch || archive.latest().epoch < newest.firstEpoch) return;
    droppedBefore = newest.era;
    await group.write((db) => eras.dropBefore(db, newest.era));
    state.known.clear();
  }

  async function tick(): Promise<void> {
    const nowMs = clock.nowMs();
    void read(nowMs).catch(onError);
    // A key generation has its own queue, so that its disk writes delay no epoch.
    void keys.tick().catch(onError);
    exchange.tick(nowMs);
    await inTurn(() => epochs.tick(nowMs));
    await forget(nowMs);
    tellLacking(nowMs);
  }

  function tellLacking(nowMs: number): void {
    const found = countLacking(state, nowMs);
    const news = found && `${found.era} ${found.lacking} ${found.isLasting}`;
    if (found === undefined || news === undefined || told === news) return;
    told = news;
    onLacking?.(found);
  }

  const repeating = createRepeating({ intervalMs: TICK_MS }, tick, onError);
  return {
    gate: {
      /**
       * Tells whether the bootstrap beacon makes an epoch. An activation counts from the second epoch after its block.
       * So a block read since the previous epoch began shows every key to which this epoch can belong. The first epoch
       * after a key needs a block of its own, because a reorganisation may take back the key's end until then. The
       * chain's own time decides, because clocks of validators may be minutes ahead.
       */
      isOpen(epoch) {
        const reading = state.beaconKeys();
        if (reading === undefined || reading.epoch + 1n < epoch) return false;
        return isSettled(reading, epoch) && findGeneration(toGenerations(reading), epoch) === undefined;
      },
      startOf(epoch) {
        const reading = state.beaconKeys();
        return reading === undefined ? Number.POSITIVE_INFINITY : startOf(scheduleOf(reading), epoch);
      },
    },
    start: repeating.start,
    async stop() {
      await repeating.stop();
      await last;
    },
    tick: repeating.trigger,
    isForIt: (message) => Object.values(TAGS).some((tag) => hasTag(message, tag)),
    async receive(from, message) {
      if (hasTag(message, TAGS.epoch)) {
        const parsed = epochMessageFormat.decode(message);
        await inTurn(() => epochs.receive(from, parsed, clock.nowMs()));
      } else if (hasTag(message, TAGS.key)) {
        await keys.receive(from, keyMessageFormat.decode(message));
      } else {
        const parsed = eraMessageFormat.decode(message);
        await inTurn(() => exchange.receive(from, parsed));
      }
    },
  };
}
