import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { forgeQuote, measureMachineEntry, openMachineWorld } from './machine-entries.ts';
import { startTestLedger, type TestLedger } from './test-ledger.ts';

const ledgers: TestLedger[] = [];
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.stop())));

async function open(): Promise<TestLedger> {
  const ledger = await startTestLedger({ machines: true, blockTimeMs: 50 });
  ledgers.push(ledger);
  return ledger;
}

const refusalOf = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no refusal',
    (error) => error.revert?.name ?? error,
  );

const later = (now: bigint, than: bigint): number | false => (now > than ? Number(now) : false);

describe('the registry of machines', () => {
  it('accepts an entry that a quorum signed, until a quorum revokes the machine', async () => {
    const world = await openMachineWorld(await open());
    const { client, entry } = world;
    const view = createChainView({ deployment: client.deployment, refreshMs: 0 }, { connect: async () => client });
    expect(await client.machineOf(entry.providerId)).toBeUndefined();
    expect(await view.findMachineProblem(entry.providerId)).toMatch('no machine');
    expect(await refusalOf(client.registerMachine(entry, await world.sign(entry, 2)))).toBe('NoQuorum');
    await client.registerMachine(entry, await world.sign(entry));
    expect(await client.machineOf(entry.providerId)).toMatchObject({
      ...{ isGood: true, epoch: 7n, until: entry.until, machine: `0x${toHex(entry.machine)}` },
    });
    expect(await client.machineProviders(0, 10)).toEqual([`0x${toHex(entry.providerId)}`]);
    expect(await view.findMachineProblem(entry.providerId, entry.signingKey)).toBeUndefined();
    expect(await view.findMachineProblem(entry.providerId, new Uint8Array(32))).toMatch('another key');
    const { machine, evidence } = entry;
    const always = { fromMs: Date.now() + 86_400_000, untilMs: 0 };
    expect(await client.wasMachineRevoked(machine, always)).toBe(false);
    let outMs = 0;
    for (const isRevoked of [true, false]) {
      const { count } = await client.machineRevocation(machine);
      const revocation = { machine, evidence, isRevoked, number: count + 1 };
      await client.revokeMachine(revocation, await world.signRevocation(revocation));
      expect(await client.machineRevocation(machine)).toEqual({ isRevoked, count: count + 1 });
      const problem = await view.findMachineProblem(entry.providerId, entry.signingKey);
      expect(problem).toEqual(isRevoked ? expect.stringContaining('revoked') : undefined);
      expect(await client.wasMachineRevoked(machine, always)).toBe(isRevoked);
      // It was not revoked earlier.
      expect(await client.wasMachineRevoked(machine, { fromMs: 0, untilMs: 0 })).toBe(false);
      const saidS = await client.now();
      if (isRevoked) outMs = (await vi.waitUntil(async () => later(await client.now(), saidS), 30_000)) * 1_000;
    }
    // A later reader finds the earlier state.
    expect(await client.wasMachineRevoked(machine, { fromMs: outMs, untilMs: outMs - 1 })).toBe(true);
    expect(await client.wasMachineRevoked(machine, { fromMs: outMs, untilMs: outMs + 86_400_000 })).toBe(false);
  });

  it('checks the signatures of a quote by itself, and reports the cost of each entry', async () => {
    const ledger = await open();
    const gas = await measureMachineEntry(ledger);
    expect(gas.firstGas).toBeLessThan(450_000);
    expect(gas.quotedGas).toBeGreaterThan(gas.firstGas);
    const world = await openMachineWorld(ledger);
    const other = { ...world.entry, providerId: new Uint8Array(32).fill(77) };
    const quote = await forgeQuote(world.ledger, other);
    const quoted = { ...other, platformKey: crypto.sha256(quote.platformKey as Uint8Array) };
    // New and old validators vote together.
    const bent = { ...quote, signature: new Uint8Array(64).fill(1) };
    expect(await refusalOf(world.client.registerMachine(quoted, await world.sign(quoted), bent))).toBe('BadQuote');
    const foreign = { ...quoted, sealKey: new Uint8Array(32).fill(8) };
    const ofForeign = await world.sign(foreign);
    expect(await refusalOf(world.client.registerMachine(foreign, ofForeign, quote))).toBe('OtherReportData');
  });
});

it('a quorum ejects a key for its machine, by signatures that count for one number of its ejections', async () => {
  const { client, entry, signEjection } = await openMachineWorld(await open());
  const { providerId, evidence } = entry;
  const ejected = { providerId, evidence, ejection: 1 };
  const twoSign = await signEjection(ejected, 2);
  expect(await refusalOf(client.ejectForMachine(ejected, twoSign))).toBe('NoQuorum');
  const quorum = await signEjection(ejected);
  await client.ejectForMachine(ejected, quorum);
  expect(await client.isEjected(providerId)).toBe(true);
  expect((await client.ejectionOf(providerId)).count).toBe(1);
  expect(await refusalOf(client.ejectForMachine(ejected, quorum))).toBe('EjectedAlready');
});

it('a network without a registry gives every machine traffic, and refuses writers with that reason', async () => {
  const ledger = await startTestLedger({ blockTimeMs: 50 });
  ledgers.push(ledger);
  const { governor: client } = ledger;
  const view = createChainView({ deployment: client.deployment }, { connect: async () => client });
  expect(await view.findMachineProblem(new Uint8Array(32))).toBeUndefined();
  await expect(client.machineOf(new Uint8Array(32))).rejects.toThrow('no registry of machines');
});
