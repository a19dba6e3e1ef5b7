import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';
import { toGenerations } from '@ogong/host/views/beacon-generations';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { findGeneration, parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import { START_MS } from '../world/virtual-time.ts';
import type { World } from '../world/world.ts';
import type { EpochWaits, LackedEpoch } from './epoch-waits.ts';

export interface BeaconWatch {
  /** After a step. */
  check(): void;
  /** At the end of the faulty time. */
  noteHealed(): void;
  /** At the end of the run. @param reading keys on the chain, where the network has a threshold beacon. */
  finish(reading?: BeaconKeysReading): void;
  /** Of each honest validator. */
  epochs(): readonly bigint[];
  /** Number of epochs with a certificate at any honest validator. */
  certified(): number;
  /** Total time after the faults for which the beacon stood still: the part of each pause above three epochs. */
  stoodMs(): number;
  /** The longest wait for an epoch after the network has recovered, by kind, and the limit for it. */
  readonly waits: Readonly<Record<string, LongestWait>>;
}

export interface LongestWait {
  readonly ms: number;
  readonly mostMs: number;
}

const TABLE = 'beacon_values';
/** Begin of epochs, and the most that an honest validator's clock may be ahead. */
export interface TimedEpochs {
  readonly originMs: number;
  readonly periodMs: number;
  readonly aheadMs: number;
}

/** A pause that is no standstill: some views of an epoch fail. */
const MOST_EPOCHS = 3;

export interface BeaconBounds {
  readonly epochMs: number;
  readonly waits: EpochWaits;
  /** Where the chain times epochs. */
  readonly timed?: TimedEpochs | undefined;
}

/** The newest epoch that an honest validator has. */
interface Newest {
  readonly epoch: bigint;
  readonly atMs: number;
}

/** Checks that an epoch has at most one certified value, none before its time, and ends within the limit. */
export function watchBeacon(
  world: World,
  honest: readonly Machine[],
  { epochMs, waits, timed }: BeaconBounds,
): BeaconWatch {
  const values = new Map<bigint, string>();
  const latest = new Map<string, Newest>(honest.map(({ name }) => [name, { epoch: 0n, atMs: 0 }]));
  const changes = new Map<string, number>();
  const byName = new Map(honest.map((machine) => [machine.name, machine]));
  /** When the first honest validator had an epoch, and whether a key has signed it. */
  const firsts = new Map<bigint, { readonly atMs: number; readonly isKeys: boolean }>();
  const longest: Record<string, LongestWait> = {};
  /** As the network became well: how long its newest epoch had been open. */
  let open: { readonly epoch: bigint; readonly ms: number } | undefined;
  /** Of all honest validators. */
  let newest: Newest = { epoch: 0n, atMs: 0 };
  /** Since when there is no newer one, and how long that took before, each since the faulty time. */
  let paused = { atMs: 0 };
  const pausesMs: number[] = [];

  function read(machine: Machine): void {
    const store = machine.disk.find('validator');
    if (store === undefined) return;
    const changed = store.prepare('SELECT total_changes() AS n').get()?.n as number;
    if (changes.get(machine.name) === changed) return;
    changes.set(machine.name, changed);
    const rows = store.prepare(`SELECT epoch, value FROM ${TABLE} ORDER BY epoch DESC LIMIT 4`).all();
    for (const { epoch, value } of rows) note(machine, BigInt(epoch as number), toHex(value as Uint8Array));
    const [row] = rows;
    if (row !== undefined) advance(machine.name, BigInt(row.epoch as number));
  }

  function isSignedByKey({ disk }: Machine, epoch: bigint): boolean {
    const row = disk.find('validator')?.prepare('SELECT certificate FROM beacons WHERE epoch = ?').get(epoch);
    return row !== undefined && parseEpochCertificate(row.certificate as Uint8Array).kind === 'threshold';
  }

  /** When a validator may have the epoch after its newest one. */
  function beginOf({ epoch, atMs }: Newest, isKeys: boolean): number {
    if (timed === undefined) return epoch === 0n ? 0 : atMs + epochMs;
    const startMs = timed.originMs + Number(epoch + 1n) * timed.periodMs - START_MS;
    return isKeys ? startMs : Math.max(atMs, startMs);
  }

  function noteWell(): void {
    if (open !== undefined || world.time.nowMs() <= waits.wellMs) return;
    const begunMs = beginOf(newest, firsts.get(newest.epoch)?.isKeys === true);
    open = { epoch: newest.epoch, ms: Math.max(0, waits.wellMs - begunMs) };
  }

  /** Checks the wait for the next epoch, and the lag behind validators that have it. */
  function checkWait(machine: string): void {
    const nowMs = world.time.nowMs();
    if (open === undefined) return;
    const own = latest.get(machine) as Newest;
    const isKeys = firsts.get(own.epoch)?.isKeys === true;
    const sinceMs = Math.max(0, beginOf(own, isKeys) - waits.wellMs);
    const openMs = own.epoch <= open.epoch || (isKeys && sinceMs === 0) ? open.ms : undefined;
    const lacked: LackedEpoch = { machine, isKeys, openMs, sinceMs };
    const kind = `${isKeys ? 'key' : 'bootstrap'}${openMs === undefined ? '' : ', first'}`;
    look(kind, nowMs - waits.wellMs - sinceMs, waits.mostMs(lacked));
    const first = firsts.get(own.epoch + 1n);
    if (first === undefined || isKeys) return;
    look(`${kind}, behind others`, nowMs - Math.max(waits.wellMs, first.atMs), waits.lagMs(lacked));

    function look(what: string, ms: number, mostMs: number): void {
      if (ms > (longest[what]?.ms ?? 0)) longest[what] = { ms: Math.round(ms), mostMs: Math.round(mostMs) };
      if (ms <= mostMs) return;
      const [waited, most] = [ms, mostMs].map((some) => (some / 1_000).toFixed(1));
      const detail = `${machine} waits ${waited} s for epoch ${own.epoch + 1n} (${what}), ${most} s at most`;
      world.violate('every-epoch-ends', `${detail}; the newest is ${newest.epoch}`);
    }
  }

  function advance(machine: string, epoch: bigint): void {
    if (epoch <= (latest.get(machine)?.epoch ?? 0n)) return;
    checkWait(machine);
    latest.set(machine, { epoch, atMs: world.time.nowMs() });
  }

  function note(machine: Machine, epoch: bigint, value: string): void {
    const { name } = machine;
    const known = values.get(epoch);
    values.set(epoch, known ?? value);
    if (known !== undefined && known !== value) {
      world.violate(
        'one-value-an-epoch',
        `epoch ${epoch}: ${name} has ${value.slice(0, 8)}, others ${known.slice(0, 8)}`,
      );
    }
    if (timed && known === undefined) {
      const earlyMs = timed.originMs + Number(epoch) * timed.periodMs - (START_MS + world.time.nowMs() + timed.aheadMs);
      if (earlyMs > 0) world.violate('no-value-before-its-time', `epoch ${epoch}: ${name} has it ${earlyMs} ms early`);
    }
    const atMs = world.time.nowMs();
    if (!firsts.has(epoch)) firsts.set(epoch, { atMs, isKeys: isSignedByKey(machine, epoch) });
    if (epoch > newest.epoch) {
      pausesMs.push(atMs - paused.atMs);
      paused = { atMs };
      newest = { epoch, atMs };
    }
  }

  /** An epoch of a generation is certified by its key alone; and no honest dealer counts as one that dealt twice. */
  function checkKey({ name, disk }: Machine, reading: BeaconKeysReading): void {
    const store = disk.find('validator');
    const generations = toGenerations(reading);
    const rows = store?.prepare('SELECT epoch, certificate FROM beacons').all() ?? [];
    for (const { epoch, certificate } of rows) {
      const { kind } = parseEpochCertificate(certificate as Uint8Array);
      const hasKey = findGeneration(generations, BigInt(epoch as number)) !== undefined;
      if (hasKey !== (kind === 'threshold')) {
        world.violate('a-key-certifies-its-epochs', `${name} has the ${kind} of epoch ${epoch}`);
      }
    }
    const struck = store?.prepare('SELECT account FROM beacon_struck').all() ?? [];
    for (const { account } of struck) {
      const other = honest.find((one) => isOf(one, account as Uint8Array));
      if (other !== undefined) world.violate('nobody-honest-is-struck', `${name} has put ${other.name} out`);
    }
  }

  const isOf = ({ name }: Machine, account: Uint8Array): boolean =>
    equalBytes(listValidator(world.seed, Number(name.split('-').at(-1))).address, account);

  return {
    check() {
      const owner = world.time.last();
      const machine = owner && byName.get(owner.name);
      if (machine === undefined) return;
      noteWell();
      read(machine);
      checkWait(machine.name);
    },
    noteHealed() {
      paused = { atMs: world.time.nowMs() };
      pausesMs.length = 0;
    },
    finish(reading) {
      // After a step only its newest rows were read.
      for (const machine of honest) {
        const rows = machine.disk.find('validator')?.prepare(`SELECT epoch, value FROM ${TABLE}`).all() ?? [];
        for (const { epoch, value } of rows) note(machine, BigInt(epoch as number), toHex(value as Uint8Array));
      }
      if (reading !== undefined) for (const machine of honest) checkKey(machine, reading);
      noteWell();
      for (const { name } of honest) checkWait(name);
    },
    epochs: () => honest.map(({ name }) => latest.get(name)?.epoch ?? 0n),
    certified: () => values.size,
    waits: longest,
    stoodMs() {
      const pauses = [...pausesMs, world.time.nowMs() - paused.atMs];
      return pauses.reduce((sum, ms) => sum + Math.max(0, ms - MOST_EPOCHS * epochMs), 0);
    },
  };
}
