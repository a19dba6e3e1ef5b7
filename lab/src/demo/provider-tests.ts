import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { createChainView } from '@ogong/host/views/chain-view';
import { parseTestReport, verifyTestReport } from '@ogong/protocol/audit/test-report';
import { toHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { waitUntil } from './polling.ts';
import type { Member, ProviderTests } from './run-record.ts';

/** So that each validator tests each provider in one epoch of seventeen: a few answers while the demo asks. */
export const DEMO_CANARY_RATE = 60_000;
const WANTED_TESTS = 3;
const TESTS_PATIENCE_MS = 90_000;
/** Validators answer one caller once a second. */
const TESTS_INTERVAL_MS = 1_000;

export type TestReader = (members: readonly Member[]) => Promise<readonly ProviderTests[]>;

/** What each validator says of the tests that it made, with every draw recomputed from its beacon. */
export function createTestReader(chain: ChainClient, links: LinkPool): TestReader {
  const view = createChainView({ deployment: chain.deployment }, { connect: async () => chain });
  const beacons = createBeaconView({}, { crypto, links, chain: view });

  async function readOne(
    validator: ReturnType<typeof view.validators>[number],
  ): Promise<Omit<ProviderTests, 'validator'>> {
    const service = links.to(ValidatorService, validator);
    const report = parseTestReport((await service.getTests({ kind: 'canary' }, { timeoutMs: 10_000 })).report);
    const values = new Map<bigint, Uint8Array>();
    for (const { epoch } of report.draws) values.set(epoch, (await beacons.get(epoch)).value);
    return verifyTestReport(crypto, report, {
      ...{ chainId: view.network.chainId, kind: 'canary', validator },
      beaconOf: (epoch) => values.get(epoch),
      greatestPpm: view.parameters()?.greatestRates.canary ?? 0,
    });
  }

  return async (members) => {
    await view.refresh();
    const found = view.validators().map(async (validator): Promise<ProviderTests[]> => {
      const address = `0x${toHex(validator.address)}`;
      const name = members.find((member) => member.address === address)?.name ?? address;
      // One that is down says nothing; what a report fails is kept.
      return readOne(validator).then(
        (tests) => [{ validator: name, ...tests }],
        () => [],
      );
    });
    return (await Promise.all(found)).flat();
  };
}

/** Waits for some tests that are told: those of the newest two epochs are not. */
export async function waitForTests(read: TestReader, members: readonly Member[]): Promise<void> {
  await waitUntil(async () => {
    const found = await read(members);
    if (found.reduce((sum, { tests }) => sum + tests.length, 0) >= WANTED_TESTS) return true;
    await delay(TESTS_INTERVAL_MS);
    return false;
  }, TESTS_PATIENCE_MS);
}
