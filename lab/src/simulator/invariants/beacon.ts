import type { BeaconKeysReading } from '@ogong/chain/beacon-keys';
import { toGenerations } from '@ogong/host/views/beacon-generations';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { findGeneration, parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import { START_MS } from '../world/virtual-time.ts';
import type { World } from '../world/world.ts';

export interface BeaconWatch {
  /** After a step. */
  check(): void;
  /** At the end of the faulty time. */
  noteHealed(): void;
  /** At the end of the run. @param reading keys on the chain, where the network has a threshold beacon. */
  finish(healMs: number, epochMs: number, reading?: BeaconKeysReading): void;
  /** Of each honest validator. */
  epochs(): readonly bigint[];
  /** Epochs that somebody has certified. */
  certified(): number;
  /** How much longer than three epochs after each other they came after the faulty time, in all. */
  stoodMs(epochMs: number): number;
}

const TABLE = 'beacon_values';
/** When epochs begin, and by how much a clock of an honest validator may be before that. */
export interface TimedEpochs {
  readonly originMs: number;
  readonly periodMs: number;
  readonly aheadMs: number;
}

/** A pause that is no standstill: some views of an epoch fail. */
const MOST_EPOCHS = 3;

/** At most one certified value an epoch, none before its time, and after the network has healed every epoch ends. */
export function watchBeacon(world: World, honest: readonly Machine[], timed?: TimedEpochs): BeaconWatch {
  const values = new Map<bigint, string>();
  const latest = new Map<string, bigint>();
  const changes = new Map<string, number>();
  const byName = new Map(honest.map((machine) => [machine.name, machine]));
  let healed = new Map<string, bigint>();
  /** When the newest epoch was certified, and how long it took, each since the faulty time. */
  let newest = { epoch: 0n, atMs: 0 };
  const pausesMs: number[] = [];

  function read(machine: Machine): void {
    const store = machine.disk.find('validator');
    if (store === undefined) return;
    const changed = store.prepare('SELECT total_changes() AS n').get()?.n as number;
    if (changes.get(machine.name) === changed) return;
    changes.set(machine.name, changed);
    const rows = store.prepare(`SELECT epoch, value FROM ${TABLE} ORDER BY epoch DESC LIMIT 4`).all();
    for (const { epoch, value } of rows) note(machine.name, BigInt(epoch as number), toHex(value as Uint8Array));
  }

  function note(name: string, epoch: bigint, value: string): void {
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
    if (epoch > newest.epoch) {
      const atMs = world.time.nowMs();
      pausesMs.push(atMs - newest.atMs);
      newest = { epoch, atMs };
    }
    const before = latest.get(name) ?? 0n;
    if (epoch > before) latest.set(name, epoch);
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
      if (machine) read(machine);
    },
    noteHealed() {
      healed = new Map(latest);
      newest = { ...newest, atMs: world.time.nowMs() };
      pausesMs.length = 0;
    },
    finish(healMs, epochMs, reading) {
      if (reading !== undefined) for (const machine of honest) checkKey(machine, reading);
      // Half of the epochs, so that the first ones may be late.
      const least = BigInt(Math.floor(healMs / epochMs / 2));
      const most = [...latest.values()].reduce((a, b) => (a > b ? a : b), 0n);
      for (const { name } of honest) {
        const [then, now] = [healed.get(name) ?? 0n, latest.get(name) ?? 0n];
        if (now - then < least || most - now > 2n) {
          world.violate(
            'every-epoch-ends',
            `${name} went from epoch ${then} to ${now} in ${healMs / 1_000} s; the newest is ${most}`,
          );
        }
      }
    },
    epochs: () => honest.map(({ name }) => latest.get(name) ?? 0n),
    certified: () => values.size,
    stoodMs(epochMs) {
      const pauses = [...pausesMs, world.time.nowMs() - newest.atMs];
      return pauses.reduce((sum, ms) => sum + Math.max(0, ms - MOST_EPOCHS * epochMs), 0);
    },
  };
}
